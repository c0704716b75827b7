//! Settings: where they come from, what they may be, and what is said when they are not.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use revring::{
    config::{KEYS, Key, Loaded, Settings, Sources},
    log::Durability,
};

fn key(name: &str) -> &'static Key {
    KEYS.iter().find(|key| key.name == name).unwrap()
}

fn variable(name: &str, value: &str) -> [(String, String); 1] {
    [(name.to_owned(), value.to_owned())]
}

/// A configuration file of its own for each test.
fn file(name: &str, text: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.toml"));
    fs::write(&path, text).unwrap();
    path
}

fn flags(flags: &[(&str, &str)]) -> Sources {
    flags.iter().fold(Sources::new(), |sources, (name, text)| {
        sources.with_flag(key(name), *text)
    })
}

fn load(sources: &Sources) -> Loaded {
    sources.load().unwrap()
}

fn refusal(sources: &Sources) -> String {
    sources.load().unwrap_err().to_string()
}

fn file_refusal(name: &str, text: &str) -> String {
    let path = file(name, text);
    refusal(&Sources::new().with_file(&path)).replace(path.to_str().unwrap(), "FILE")
}

#[test]
fn nothing_given_means_the_defaults_and_they_are_valid() {
    assert_eq!(load(&Sources::new()).settings, Settings::default());
    Settings::default().check().unwrap();
}

#[test]
fn flags_come_before_the_environment_and_that_before_the_file() {
    let path = file("layers", "ring-ops = 8\nring-bytes = \"8MiB\"\ndepth = 8\n");
    let sources = flags(&[("ring-ops", "32")])
        .with_environment(variable("REVRING_RING_OPS", "16"))
        .with_environment(variable("REVRING_RING_BYTES", "16MiB"))
        .with_file(&path);
    let loaded = load(&sources);
    let settings = &loaded.settings;
    assert_eq!(
        (settings.ring_ops, settings.ring_bytes, settings.depth),
        (32, 16 << 20, 8)
    );
    let origins =
        ["ring-ops", "ring-bytes", "depth", "listen"].map(|key| loaded.origin(key).to_string());
    let in_file = format!("from {}:3", path.display());
    assert_eq!(
        origins,
        [
            "from --ring-ops",
            "from REVRING_RING_BYTES",
            &in_file,
            "the default"
        ]
    );
}

#[test]
fn every_setting_can_be_given_in_every_place() {
    let defaults = Settings::default();
    for key in KEYS {
        let value = key.shown(&defaults).unwrap();
        let text = value.trim_matches('"');
        let name = format!("REVRING_{}", key.name.to_uppercase().replace('-', "_"));
        let path = file(
            &format!("every-{}", key.name),
            &format!("{} = {value}\n", key.name),
        );
        for sources in [
            Sources::new().with_flag(key, text),
            Sources::new().with_environment(variable(&name, text)),
            Sources::new().with_file(&path),
        ] {
            let loaded = load(&sources);
            assert_eq!(loaded.settings, defaults, "{}", key.name);
            assert_ne!(
                loaded.origin(key.name).to_string(),
                "the default",
                "{}",
                key.name
            );
        }
    }
}

#[test]
fn the_environment_can_name_the_file_and_an_option_outdoes_it() {
    let named = file("named", "depth = 5");
    let chosen = file("chosen", "depth = 6");
    let sources =
        Sources::new().with_environment(variable("REVRING_CONFIG", named.to_str().unwrap()));
    assert_eq!(load(&sources).settings.depth, 5);
    assert_eq!(load(&sources.with_file(&chosen)).settings.depth, 6);
}

#[test]
fn an_empty_variable_counts_as_not_set() {
    let sources = Sources::new().with_environment(variable("REVRING_DEPTH", ""));
    assert_eq!(load(&sources).settings.depth, Settings::default().depth);
}

#[test]
fn a_variable_that_looks_like_a_misspelt_setting_is_reported_and_others_are_not() {
    let sources = Sources::new()
        .with_environment(variable("REVRING_RINGOPS", "8"))
        .with_environment(variable("REVRING_SERVICE_HOST", "10.0.0.1"))
        .with_environment(variable("HOME", "/"));
    let expected = [("REVRING_RINGOPS".to_owned(), "REVRING_RING_OPS".to_owned())];
    assert_eq!(load(&sources).misspelt, expected);
}

#[test]
fn a_value_that_is_not_allowed_is_refused_with_key_place_value_and_what_is_allowed() {
    let cases = [
        (
            "ring-ops",
            "many",
            r#"ring-ops is "many" (from --ring-ops); allowed: a whole number from 4 to 1048576"#,
        ),
        (
            "ring-ops",
            "3",
            r#"ring-ops is "3" (from --ring-ops); allowed: a whole number from 4 to 1048576"#,
        ),
        (
            "operation-bytes",
            "2MiB",
            r#"operation-bytes is "2MiB" (from --operation-bytes); allowed: a size from 1KiB to 1MiB, in bytes or with KiB, MiB, GiB"#,
        ),
        (
            "silence",
            "45",
            r#"silence is "45" (from --silence); allowed: a time from 50ms to 24h, with its unit: ms, s, m or h"#,
        ),
        (
            "listen",
            "7700",
            r#"listen is "7700" (from --listen); allowed: an IP address and a port, such as 127.0.0.1:7700 or [::]:7700"#,
        ),
        (
            "log-format",
            "xml",
            r#"log-format is "xml" (from --log-format); allowed: human or json"#,
        ),
        (
            "log",
            "loud",
            r#"log is "loud" (from --log); allowed: error, warn, info, debug, trace, off, or a filter such as info,revring::server=debug"#,
        ),
        (
            "depth",
            "41",
            r#"depth is "41" (from --depth); allowed: a whole number from 1 to 40"#,
        ),
    ];
    for (name, text, expected) in cases {
        assert_eq!(refusal(&flags(&[(name, text)])), expected);
    }
    let sources = Sources::new().with_environment(variable("REVRING_OPEN", "yes"));
    assert_eq!(
        refusal(&sources),
        r#"open is "yes" (from REVRING_OPEN); allowed: true or false"#
    );
    let error = file_refusal("range", "\n\ndepth = 0x2a # 42\n");
    assert_eq!(
        error,
        r#"depth is "42" (from FILE:3); allowed: a whole number from 1 to 40"#
    );
    let error = file_refusal("type", "silence = [\"45s\"]");
    assert!(
        error.starts_with(r#"silence is "[…]" (from FILE:1); allowed: a time"#),
        "{error}"
    );
}

#[test]
fn settings_that_do_not_fit_together_are_refused_with_both_named() {
    let cases: [(&[(&str, &str)], &str); 4] = [
        (
            &[("operation-bytes", "1MiB"), ("ring-bytes", "2MiB")],
            r#"operation-bytes is "1MiB" (from --operation-bytes); allowed: at most 512KiB, a quarter of ring-bytes (from --ring-bytes)"#,
        ),
        (
            &[("record-bytes", "64KiB"), ("document-bytes", "32KiB")],
            r#"record-bytes is "64KiB" (from --record-bytes); allowed: at most document-bytes, which is "32KiB" (from --document-bytes)"#,
        ),
        (
            &[("presence-bytes", "4KiB"), ("message-bytes", "1KiB")],
            r#"presence-bytes is "4KiB" (from --presence-bytes); allowed: at most message-bytes, which is "1KiB" (from --message-bytes)"#,
        ),
        (
            &[("heartbeat", "1m")],
            r#"heartbeat is "1m" (from --heartbeat); allowed: less than silence, which is "45s" (the default)"#,
        ),
    ];
    for (given, expected) in cases {
        assert_eq!(refusal(&flags(given)), expected);
    }
}

#[test]
fn what_is_not_set_gives_way_to_what_is() {
    let small = load(&flags(&[
        ("ring-bytes", "64KiB"),
        ("document-bytes", "16KiB"),
        ("message-bytes", "2KiB"),
        ("silence", "3s"),
    ]));
    let settings = &small.settings;
    assert_eq!(settings.operation_bytes, 16 << 10);
    assert_eq!(settings.record_bytes, 16 << 10);
    assert_eq!(settings.presence_bytes, 2 << 10);
    assert_eq!(settings.heartbeat, Duration::from_secs(1));
}

#[test]
fn settings_made_in_code_are_checked_too() {
    let settings = Settings {
        ring_ops: 2,
        ..Settings::default()
    };
    let error = settings.check().unwrap_err().to_string();
    assert_eq!(
        error,
        "ring-ops is 2 (as given); allowed: a whole number from 4 to 1048576"
    );
}

#[test]
fn an_unknown_key_is_refused_and_the_nearest_known_one_named() {
    let cases = [
        (
            "ring_ops = 8",
            r#"FILE:1: "ring_ops" is not a setting; did you mean "ring-ops"?"#,
        ),
        (
            "# a\nRing-Ops = 8",
            r#"FILE:2: "Ring-Ops" is not a setting; did you mean "ring-ops"?"#,
        ),
        (
            "max-conections = 8",
            r#"FILE:1: "max-conections" is not a setting; did you mean "max-connections"?"#,
        ),
        (
            "[[token]]\ntoken = \"x\"",
            r#"FILE:1: "token" is not a setting; did you mean "tokens"?"#,
        ),
        ("quux = 8", r#"FILE:1: "quux" is not a setting"#),
        ("config = \"x\"", r#"FILE:1: "config" is not a setting"#),
    ];
    for (text, expected) in cases {
        assert_eq!(file_refusal("unknown", text), expected);
    }
}

#[test]
fn a_file_that_cannot_be_read_or_parsed_is_refused_without_quoting_it() {
    let missing = Sources::new().with_file("/does/not/exist.toml");
    let error = refusal(&missing);
    assert!(
        error.starts_with("cannot read the configuration file /does/not/exist.toml: "),
        "{error}"
    );

    let error = file_refusal(
        "syntax",
        "depth = 3\n[[tokens]]\ntoken = \"open-sesame\nrooms = \"*\"\n",
    );
    assert!(error.starts_with("FILE: line 3: "), "{error}");
    assert!(!error.contains("sesame"), "{error}");
}

#[test]
fn without_tokens_only_loopback_addresses_are_listened_on_unless_open_is_set() {
    for listen in [
        "0.0.0.0:7700",
        "[::]:7700",
        "192.0.2.1:7700",
        "[::ffff:192.0.2.1]:7700",
    ] {
        let error = refusal(&flags(&[("listen", listen)]));
        let expected =
            format!("listen is {listen:?} (from --listen); without tokens only loopback addresses");
        assert!(error.starts_with(&expected), "{error}");
        load(&flags(&[("listen", listen), ("open", "true")]));
    }
    for listen in [
        "127.0.0.1:0",
        "127.9.9.9:0",
        "[::1]:0",
        "[::ffff:127.0.0.1]:0",
        "localhost:0",
    ] {
        load(&flags(&[("listen", listen)]));
    }
    let tokens =
        "listen = \"0.0.0.0:7700\"\n[[tokens]]\ntoken = \"t\"\nrooms = \"*\"\naccess = \"read\"\n";
    load(&Sources::new().with_file(file("guarded", tokens)));
}

#[test]
fn rooms_are_kept_on_disk_unless_they_are_ephemeral() {
    let settings = load(&Sources::new()).settings;
    assert!(!settings.ephemeral);
    assert_eq!(settings.data_dir, Path::new("revring-data"));
    let durable = flags(&[("data-dir", "/var/lib/revring"), ("durability", "os")]);
    let settings = load(&durable).settings;
    assert_eq!(settings.data_dir, Path::new("/var/lib/revring"));
    assert_eq!(settings.durability, Durability::Os);

    let error = refusal(&flags(&[("durability", "most")]));
    assert_eq!(
        error,
        r#"durability is "most" (from --durability); allowed: full, os or none"#
    );
    let error = refusal(&flags(&[("data-dir", "")]));
    assert!(
        error.contains("allowed: the path of a directory"),
        "{error}"
    );
}

#[test]
fn ephemeral_overrules_a_directory_from_elsewhere_and_contradicts_one_from_the_same_place() {
    let error = refusal(&flags(&[("ephemeral", "true"), ("data-dir", "data")]));
    assert_eq!(
        error,
        "data-dir is \"data\" (from --data-dir); ephemeral (from --ephemeral) keeps nothing on disk: leave one of them out"
    );
    let configured = Sources::new().with_file(file("durable", "data-dir = \"data\"\n"));
    let ephemeral = KEYS.iter().find(|key| key.name == "ephemeral").unwrap();
    assert!(
        load(&configured.with_flag(ephemeral, "true"))
            .settings
            .ephemeral
    );
}

const TOKENS: &str = "\
depth = 8

[[tokens]]
token = \"open-sesame\"
rooms = [\"team-a\", \"public/*\"]
access = \"read\"

[[tokens]]
token = \"open-barley\"
rooms = \"*\"
access = \"write\"
";

#[test]
fn tokens_are_read_and_never_shown() {
    let loaded = load(&Sources::new().with_file(file("tokens", TOKENS)));
    let rules: Vec<String> = loaded
        .settings
        .tokens
        .iter()
        .map(|rule| format!("{} {:?}", rule.rooms().as_str(), rule.access()))
        .collect();
    assert_eq!(rules, ["team-a Read", "public/* Read", "* Write"]);
    let shown = format!("{loaded:?} {}", loaded.to_toml());
    assert!(
        !shown.contains("sesame") && !shown.contains("barley"),
        "{shown}"
    );
}

#[test]
fn an_entry_of_tokens_that_is_wrong_is_refused_with_its_line_and_without_the_token() {
    let with = |rest: &str| format!("[[tokens]]\ntoken = \"open-sesame\"\n{rest}");
    let cases = [
        (
            "[tokens]\ntoken = \"open-sesame\"".to_owned(),
            "FILE:1: write [[tokens]], once for each token",
        ),
        (
            "tokens = [\"open-sesame\"]".to_owned(),
            "FILE:1: write [[tokens]], once for each token",
        ),
        (
            "[[tokens]]\nrooms = \"*\"\naccess = \"read\"".to_owned(),
            "FILE:1: this entry of [[tokens]] lacks token",
        ),
        (
            "[[tokens]]\ntoken = 5\nrooms = \"*\"\naccess = \"read\"".to_owned(),
            "FILE:2: token must be text",
        ),
        (
            with("access = \"read\""),
            "FILE:1: this entry of [[tokens]] lacks rooms",
        ),
        (
            with("rooms = \"*\""),
            "FILE:1: this entry of [[tokens]] lacks access",
        ),
        (
            with("rooms = \"*\"\naccess = \"admin\""),
            "FILE:4: access must be \"read\" or \"write\"",
        ),
        (
            with("rooms = []\naccess = \"read\""),
            "FILE:3: rooms must be a name such as \"team-*\", or a list of them",
        ),
        (
            with("rooms = \"a b\"\naccess = \"read\""),
            "FILE:1: rooms is \"a b\", which no room name can match: room must be of A-Z a-z 0-9 - _ . : ~ @ /; ' ' is not",
        ),
        (
            with("rooms = \"*\"\naccess = \"read\"\nroom = \"x\""),
            "FILE:5: \"room\" is not a key of [[tokens]], which are token, rooms and access",
        ),
        (
            with("rooms = \"*\"\naccess = \"read\"\nring-ops = 8"),
            "FILE:5: \"ring-ops\" stands inside [[tokens]]: settings come before the first [[tokens]]",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(file_refusal("bad-tokens", &text), expected);
    }
}

#[test]
fn the_settings_in_effect_are_a_configuration_file_of_the_same_settings() {
    let given = flags(&[
        ("ring-bytes", "64KiB"),
        ("silence", "1500ms"),
        ("log", "info,revring=debug"),
    ]);
    let loaded = load(&given);
    let path = file("effective", &loaded.to_toml());
    assert_eq!(
        load(&Sources::new().with_file(path)).settings,
        loaded.settings
    );
}

/// The file that comes with revring.
const EXAMPLE: &str = include_str!("../revring.toml");

/// `# key = value` as `key = value`.
fn uncommented(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.strip_prefix("# ")?.split_once(" = ")?;
    let is_name = |name: &str| {
        name.bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
    };
    is_name(name).then_some((name, value))
}

#[test]
fn the_example_file_changes_nothing_as_it_stands() {
    let path = file("example", EXAMPLE);
    assert_eq!(
        load(&Sources::new().with_file(path)).settings,
        Settings::default()
    );
}

#[test]
fn the_example_file_documents_every_setting_with_its_real_default() {
    let (settings, _) = EXAMPLE.split_once("# [[tokens]]").unwrap();
    let documented: Vec<(&str, String)> = settings
        .lines()
        .filter_map(uncommented)
        .map(|(name, value)| (name, value.to_owned()))
        .collect();
    let defaults = Settings::default();
    let real: Vec<(&str, String)> = KEYS
        .iter()
        .filter_map(|key| Some((key.name, key.shown(&defaults)?)))
        .collect();
    assert_eq!(documented, real);
}

#[test]
fn the_example_file_is_valid_with_everything_in_it_switched_on() {
    let lines = EXAMPLE.lines().filter_map(|line| {
        let is_entry = line == "# [[tokens]]" || uncommented(line).is_some();
        is_entry.then(|| line.trim_start_matches("# "))
    });
    let path = file("example-on", &lines.collect::<Vec<_>>().join("\n"));
    assert_eq!(
        load(&Sources::new().with_file(path)).settings.tokens.len(),
        3
    );
}
