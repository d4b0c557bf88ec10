//! The files that commands leave behind: a report in three forms, and experiments to play again.

use super::CliError;
use crate::{Experiment, Report};
use std::io;
use std::path::{Path, PathBuf};

/// A directory that can be written to.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
}

impl Directory {
    /// Makes it where it is not there, and tries it out: a night's findings are not to be lost for
    /// want of a right.
    pub(super) fn open(path: &Path) -> Result<Self, CliError> {
        std::fs::create_dir_all(path).map_err(|error| CliError::file(path, &error))?;
        let probe = path.join(".plantao-chaos");
        let probed = std::fs::write(&probe, "").and_then(|()| std::fs::remove_file(&probe));
        probed.map_err(|error| CliError::file(path, &error))?;
        Ok(Self {
            path: path.to_owned(),
        })
    }

    pub(super) fn write_report(&self, report: &Report) -> Result<(), CliError> {
        self.write("journal.json", &report.to_json()?)?;
        self.write("junit.xml", &report.to_junit())?;
        self.write("report.html", &report.to_html())?;
        Ok(())
    }

    /// Writes an experiment down; answers where.
    pub(super) fn write_experiment(
        &self,
        name: &str,
        experiment: &Experiment,
    ) -> Result<PathBuf, CliError> {
        self.write(&format!("{name}.toml"), &experiment.to_toml())
    }

    /// Writes a minimum down as an experiment and as a Rust test; answers where the experiment is.
    pub(super) fn write_minimum(
        &self,
        name: &str,
        minimum: &Experiment,
    ) -> Result<PathBuf, CliError> {
        let cut = format!("{name}-cut");
        self.write(&format!("{cut}.rs"), &minimum.to_rust_test(name))?;
        self.write_experiment(&cut, minimum)
    }

    pub(super) fn write(&self, name: &str, text: &str) -> Result<PathBuf, CliError> {
        let path = self.path.join(name);
        std::fs::write(&path, text).map_err(|error| CliError::file(&path, &error))?;
        Ok(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// Reads a text file.
pub(super) fn read(path: &Path) -> Result<String, CliError> {
    std::fs::read_to_string(path).map_err(|error: io::Error| CliError::file(path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_cannot_be_is_refused_by_its_name() {
        // What lies below a file is no directory, whoever asks.
        let error = Directory::open(Path::new("/dev/null/report")).unwrap_err();
        assert!(error.to_string().contains("`/dev/null/report`"), "{error}");
        assert_eq!(error.exit_code(), super::super::IMPOSSIBLE);
    }

    #[test]
    fn a_file_that_is_not_there_is_refused_by_its_name() {
        let error = read(Path::new("/nowhere/a.toml")).unwrap_err().to_string();
        assert!(error.contains("`/nowhere/a.toml`"), "{error}");
    }
}
