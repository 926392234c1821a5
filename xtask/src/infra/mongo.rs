//! The MongoDB stand-in: a small Java server on the pinned jars of `tools/mongo/pom.xml`.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::place::{Instance, Workspace};
use crate::supervise::Spec;
use crate::{http, install, run};

/// The folder with the jars and the compiled launcher.
fn install(workspace: &Workspace) -> Result<PathBuf> {
    let tool = workspace.root.join("tools/mongo");
    let (pom, launcher) = (tool.join("pom.xml"), tool.join("Launcher.java"));
    let hash = install::fingerprint(&[pom.clone(), launcher.clone()])?;
    install::cached(workspace, &format!("mongo/1.47.0-{hash}"), |new| {
        let mut maven = Command::new("mvn");
        maven
            .args(["--batch-mode", "--quiet", "--strict-checksums", "--file"])
            .arg(&pom)
            .arg("org.apache.maven.plugins:maven-dependency-plugin:2.8:copy-dependencies")
            .arg(format!("-DoutputDirectory={}", new.display()));
        run::quietly("downloading the MongoDB stand-in (once, 5 MB)", &mut maven)?;
        let mut compile = Command::new("javac");
        compile
            .arg("-cp")
            .arg(format!("{}/*", new.display()))
            .arg("-d")
            .arg(new)
            .arg(&launcher);
        run::quietly("compiling its launcher", &mut compile)
    })
}

pub(crate) fn prepare(workspace: &Workspace, instance: &Instance) -> Result<Spec> {
    let tool = install(workspace)?;
    let data = instance.sub("mongo")?;
    let argv = vec![
        "java".into(),
        "-Xmx384m".into(),
        "-XX:+UseSerialGC".into(),
        "-cp".into(),
        format!("{0}:{0}/*", tool.display()),
        "Launcher".into(),
        instance.ports.mongo().to_string(),
        data.join("store.h2").display().to_string(),
    ];
    Ok(Spec::new("mongo", data, argv))
}

/// It binds as its last step, so who can connect can work.
pub(crate) fn is_ready(port: u16) -> bool {
    http::connect(port).is_ok()
}
