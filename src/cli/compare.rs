use crate::cli::Exit;
use clap::Args;

/// Arguments of `optlab compare`.
#[derive(Debug, Args)]
pub struct CompareArgs {}

/// Runs `optlab compare`.
pub fn run(_args: &CompareArgs) -> Result<(), Exit> {
    Ok(())
}
