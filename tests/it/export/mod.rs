//! Claimed: `weizhan export` writes every event and every order of the asked days once, into the file of its day in Shanghai,
//! with nothing that says who a person is; run again it changes nothing; cut off, it leaves nothing that looks finished;
//! what was exported is never served, and never replaced by less.
//!
//! Shown: on the real application, its files read back by the reader of the format. The feature `parquet` makes the program
//! that can; another says how to get one.

#[cfg(feature = "parquet")]
mod whole;

/// The program, built with the feature or without it, either does it or says how to get one that does.
#[test]
fn the_command_does_it_or_says_how_to_get_one_that_does() {
    let folder = tempfile::tempdir().unwrap();
    let weizhan = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_weizhan"));
        let output = command.args(arguments).current_dir(folder.path()).output().unwrap();
        let told = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned()).concat();
        (output.status.code(), told)
    };
    assert_eq!(weizhan(&["dev", "--tour", "--port", "0"]).0, Some(0));
    let settings = ["--config", ".weizhan/config.toml", "export"];
    let export = |arguments: &[&str]| weizhan(&[&settings, arguments].concat());
    let (status, told) = export(&["orders", "--from", "2026-01-01", "--to", "2026-01-02", "--out", "lake"]);
    if cfg!(feature = "parquet") {
        assert!(status == Some(0) && told.contains("2026-01-02") && told.contains("written"), "{told}");
        assert!(folder.path().join("lake/manifests/orders/2026-01-01.json").is_file());
        let (status, told) = export(&["orders", "--from", "2026-01-02", "--to", "2026-01-01"]);
        assert!(status == Some(1) && told.contains("--from is behind --to"), "{told}");
        let (status, told) = export(&["orders", "--from", "2020-01-02", "--to", "2026-01-01"]);
        assert!(status == Some(1) && told.contains("at most 400 days"), "{told}");
    } else {
        assert!(status == Some(1) && told.contains("--features parquet"), "{told}");
        assert!(!folder.path().join("lake").exists());
    }
    let (status, told) = export(&["users"]);
    assert!(status == Some(2) && told.contains("users"), "{told}");
}
