//! `widget`: what the chat widget weighs, and what it does to a page.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use serde::Deserialize;

use super::Bench;
use super::contest::{self, Comparison, Contestant, Entry, Figure, Goal, Limit, Plan, Sample};
use super::ground::{self, Ground};
use crate::{install, npm};

const LAUNCHER: &str = "launcher";
const OPENED: &str = "open chat";
const ALL: &str = "everything";
const PAPERCUPS: &str = "Papercups";
const BARE_PAGE: &str = "page without a widget";
const OUR_PAGE: &str = "page with ours";
const PAPERCUPS_PAGE: &str = "page with Papercups";

pub(super) const BENCH: Bench = Bench {
    name: "widget",
    about: "The widget's scripts, compressed, beside Papercups' widget, bundled with what it needs; and a static \
        page with and without them: Lighthouse 12.8.2 as a phone over slow 4G, and the tasks of 50 ms and longer \
        within three seconds after loading, on a processor four times slower. Nobody clicks, and nothing but \
        this machine can be reached.",
    programs: &[],
    needs: &install::BROWSER,
    timed: false,
    comparisons: &[
        against(Figure::Gzip, (OPENED, PAPERCUPS), Some(Goal::AtMost(0.2))),
        against(Figure::Gzip, (ALL, PAPERCUPS), None),
        against(Figure::Points, (OUR_PAGE, BARE_PAGE), None),
        against(Figure::Points, (PAPERCUPS_PAGE, BARE_PAGE), None),
    ],
    limits: &[
        at_most(5.0, Figure::Gzip, LAUNCHER),
        at_most(25.0, Figure::Gzip, OPENED),
        at_most(0.0, Figure::Shift, OUR_PAGE),
        at_most(0.0, Figure::OwnLongTasks, OUR_PAGE),
    ],
    optional: &[],
    run,
};

const fn against(
    figure: Figure,
    (ours, theirs): (&'static str, &'static str),
    goal: Option<Goal>,
) -> Comparison {
    Comparison {
        figure,
        ours,
        theirs,
        goal,
    }
}

const fn at_most(most: f64, figure: Figure, of: &'static str) -> Limit {
    Limit {
        figure,
        of,
        goal: Goal::AtMost(most),
    }
}

fn run(ground: &Ground<'_>, plan: Plan) -> Result<Vec<Entry>> {
    let folder = ground.source("widget");
    npm::build_web(ground.workspace)?;
    npm::install_folder(ground.workspace, &folder)?;
    let scripts = Scripts {
        folder,
        dist: ground.workspace.root.join("web/dist"),
    };
    // They are the same in every round.
    let sizes: Sizes = scripts.run("sizes.mjs", &[])?;
    let size = |name, about, bytes| Size { name, about, bytes };
    let page = |name, about, widget| Page {
        scripts: &scripts,
        name,
        about,
        widget,
    };
    let mut contestants: Vec<Box<dyn Contestant + '_>> = vec![
        Box::new(size(LAUNCHER, "what every page loads", sizes.launcher)),
        Box::new(size(
            OPENED,
            "what the first click loads on top",
            sizes.opened,
        )),
        Box::new(size(
            ALL,
            "with all that is loaded where it is used, in one language",
            sizes.all,
        )),
        Box::new(size(
            PAPERCUPS,
            "`@papercups-io/chat-widget` 1.3.1 with React 16; what its frame loads is not in it",
            sizes.papercups,
        )),
        Box::new(page(BARE_PAGE, "static, with a style of its own", "none")),
        Box::new(page(OUR_PAGE, "the same with our launcher", "ours")),
        Box::new(page(
            PAPERCUPS_PAGE,
            "the same with Papercups, whose server does not answer",
            "papercups",
        )),
    ];
    contest::run(&mut contestants, plan)
}

/// The scripts that measure, and what they look at.
struct Scripts {
    folder: PathBuf,
    dist: PathBuf,
}

impl Scripts {
    fn run<T: serde::de::DeserializeOwned>(&self, script: &str, more: &[&str]) -> Result<T> {
        let mut node = Command::new("node");
        node.arg(script)
            .args(more)
            .arg("--dist")
            .arg(&self.dist)
            .current_dir(&self.folder);
        ground::json(&mut node)
    }
}

/// In bytes.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Bytes {
    gzip: u32,
    brotli: u32,
}

/// What `sizes.mjs` prints.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Sizes {
    launcher: Bytes,
    opened: Bytes,
    all: Bytes,
    papercups: Bytes,
}

/// What `page.mjs` prints.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Looks {
    points: f64,
    layout_shift: f64,
    blocking_ms: f64,
    long_tasks: f64,
    own_long_tasks: f64,
}

/// A set of scripts.
struct Size {
    name: &'static str,
    about: &'static str,
    bytes: Bytes,
}

impl Contestant for Size {
    fn name(&self) -> &'static str {
        self.name
    }

    fn about(&self) -> &'static str {
        self.about
    }

    fn check(&mut self) -> Result<()> {
        Ok(())
    }

    fn measure(&mut self, _: Duration) -> Result<Sample> {
        let Bytes { gzip, brotli } = self.bytes;
        let kib = |bytes: u32| f64::from(bytes) / 1024.0;
        Ok(Sample {
            operations: 1,
            more: [(Figure::Gzip, kib(gzip)), (Figure::Brotli, kib(brotli))].into(),
            ..Sample::default()
        })
    }
}

/// A page with a widget, or without.
struct Page<'a> {
    scripts: &'a Scripts,
    name: &'static str,
    about: &'static str,
    widget: &'static str,
}

impl Contestant for Page<'_> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn about(&self) -> &'static str {
        self.about
    }

    fn check(&mut self) -> Result<()> {
        Ok(())
    }

    fn measure(&mut self, _: Duration) -> Result<Sample> {
        let looks: Looks = self.scripts.run("page.mjs", &["--widget", self.widget])?;
        Ok(Sample {
            operations: 1,
            more: [
                (Figure::Points, looks.points),
                (Figure::Shift, looks.layout_shift),
                (Figure::Blocking, looks.blocking_ms),
                (Figure::LongTasks, looks.long_tasks),
                (Figure::OwnLongTasks, looks.own_long_tasks),
            ]
            .into(),
            ..Sample::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::place::Workspace;

    #[test]
    fn the_tools_are_the_versions_that_the_descriptions_name() {
        let root = Workspace::find().unwrap().root;
        let text = fs::read_to_string(root.join("bench/widget/package.json")).unwrap();
        let package: serde_json::Value = serde_json::from_str(&text).unwrap();
        let pinned = |name: &str| package["devDependencies"][name].as_str().unwrap();
        let lighthouse = format!("Lighthouse {} ", pinned("lighthouse"));
        assert!(BENCH.about.contains(&lighthouse));
        assert_eq!(pinned("@papercups-io/chat-widget"), "1.3.1");
        assert!(pinned("react").starts_with("16."));
    }
}
