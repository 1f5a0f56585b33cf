//! The migrations are compiled in: a new folder of them is a reason to compile again.
#![expect(clippy::print_stdout, reason = "this is how a build script speaks to cargo")]

fn main() {
    println!("cargo:rerun-if-changed=../../../migrations");
}
