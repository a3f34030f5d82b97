//! The switch's one program; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    strowger::cli::main()
}
