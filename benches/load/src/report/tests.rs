//! What must be seen in a report, however it is written.

use std::fs;

use super::table::summary;
use super::{html, page, sample, write_html, write_page};
use crate::model::Report;

/// Tags that have no end.
const VOID: [&str; 2] = ["meta", "!DOCTYPE"];

#[test]
fn unmet_goals_failed_checks_and_a_busy_load_program_are_seen_everywhere() {
    let report = sample::report();
    let terminal = summary(&report);
    for line in [
        "2 of 3 goals are met.",
        "1 of 10 checks FAILED.",
        "NOT MET: fanout: operation deliveries/s, 1,000 clients: wanted at least 5,000,000, seen 4,620,000",
        "CHECK FAILED: slow-readers, 200 of 1,000 slow: every client ends with the server's checksum: 3 of 1,000 differ",
        "LOAD PROGRAM WAS THE BOTTLENECK in fanout, 1,000 clients, pair 2",
    ] {
        assert!(terminal.contains(line), "{line:?} is not in\n{terminal}");
    }
    let (markdown, _) = page::page(&report).unwrap();
    for line in [
        "\n**2 of 3 goals are met.**\n\n**1 of 10 checks FAILED.**\n",
        "cargo run --release -p revring-load -- scenario fanout slow-readers\n",
        "- Not met, fanout: operation deliveries/s, 1,000 clients: wanted at least 5,000,000, seen 4,620,000",
        "| operation deliveries/s, 1,000 clients | at least 5,000,000 | 4,620,000 (4,510,000 to 4,700,000) | **no** |",
        "- Check failed, slow-readers, 200 of 1,000 slow",
        "- The load program was the bottleneck in fanout, 1,000 clients, pair 2",
        "| fanout | One room that many follow, such as a live score or a shared board. | 1 of 2 |",
    ] {
        assert!(markdown.contains(line), "{line:?} is not in\n{markdown}");
    }
    let document = html::document(&report).unwrap();
    assert!(document.contains("<section class=\"verdict bad\">"));
    assert!(document.contains("<b>Not met</b>, fanout: operation deliveries/s"));
    assert!(document.contains("<b>Check failed</b>, slow-readers, 200 of 1,000 slow"));
    assert!(document.contains("<b>The load program was the bottleneck</b> in fanout"));
}

#[test]
fn a_report_in_which_all_is_well_says_so() {
    let mut report = sample::report();
    for chapter in &mut report.chapters {
        chapter.goals.iter_mut().for_each(|goal| goal.met = true);
        for run in &mut chapter.runs {
            run.load.bottleneck = false;
            run.checks.iter_mut().for_each(|check| check.holds = true);
        }
    }
    let terminal = summary(&report);
    assert!(terminal.ends_with("\nAll 3 goals are met.\nAll 10 checks hold.\n"));
    let document = html::document(&report).unwrap();
    assert!(!document.contains("class=\"verdict bad\"") && !document.contains("badge bad"));
}

#[test]
fn the_terminal_gets_aligned_columns() {
    let terminal = summary(&sample::report());
    let expected = "
Against the bare write loop, median of 5 pairs
  server              clients  ns/delivery  limit ns/delivery  ratio
  ------------------  -------  -----------  -----------------  -----
  revring 0.1.0           100          812                780  0.961
  revring 0.1.0         1,000          874                823  0.941
  a|pipe *and* <tag>    1,000        2,310                823  0.356
";
    assert!(terminal.contains(expected), "{terminal}");
    assert!(
        terminal.contains(
            "  200 of 1,000 slow  slow           276,480  1,710  2,610  3,690  7,920  18,900\n"
        ),
        "{terminal}"
    );
}

#[test]
fn every_plot_is_drawn_and_named() {
    let report = sample::report();
    let (markdown, drawn) = page::page(&report).unwrap();
    let document = html::document(&report).unwrap();
    for chapter in &report.chapters {
        for plot in &chapter.plots {
            assert!(
                markdown.contains(&format!("![{}: ", plot.title)),
                "{}",
                plot.title
            );
            assert!(document.contains(&format!("<figcaption>{}</figcaption>", plot.title)));
        }
    }
    let names: Vec<&str> = drawn.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "fanout-cpu-per-delivery-against-clients.svg",
            "fanout-cost-against-state-quotient-of-nothing-included.svg",
            "slow-readers-latency-by-percentile.svg",
            "slow-readers-deliveries-over-time.svg",
            "slow-readers-lag-over-time-by-class.svg",
            "slow-readers-gaps-and-snapshots-over-time.svg",
            "slow-readers-bytes-per-delivered-operation.svg",
            "slow-readers-processor-use-over-time.svg",
            "slow-readers-server-memory-over-time.svg",
        ]
    );
    for (name, svg) in &drawn {
        assert!(markdown.contains(&format!("](results/{name})")), "{name}");
        assert_balanced(svg);
    }
    // Seven of each run, and those of the chapters.
    assert_eq!(document.matches("<svg ").count(), 5 * 7 + 2);
}

#[test]
fn text_of_a_report_stays_text() {
    let report = sample::report();
    let document = html::document(&report).unwrap();
    assert!(!document.contains("<script>") && document.contains("&lt;script&gt;"));
    assert!(document.contains("A processor &lt;of&gt; 2.1 GHz &amp; more"));
    let (markdown, _) = page::page(&report).unwrap();
    assert!(!markdown.contains("<script>") && markdown.contains("&lt;script&gt;"));
    assert!(
        markdown.contains("| a\\|pipe \\*and\\* &lt;tag&gt; | 1,000 |"),
        "{markdown}"
    );

    let mut hostile = report;
    hostile.command = "revring-load run ```\n".to_owned();
    let plot = &mut hostile.chapters[0].plots[0];
    plot.title = "\"><script>".to_owned();
    plot.lines[0].name = "</text><script>".to_owned();
    plot.y.label = "<script>".to_owned();
    hostile.chapters[0].name = "\u{1b}[31mred".to_owned();
    let document = html::document(&hostile).unwrap();
    assert!(!document.contains("<script>"));
    assert_balanced(&document);
    let (markdown, drawn) = page::page(&hostile).unwrap();
    assert!(!markdown.contains("<script>") && markdown.contains("\n````sh\n"));
    assert!(drawn.iter().all(|(_, svg)| !svg.contains("<script>")));
    assert!(!summary(&hostile).contains('\u{1b}'));
}

#[test]
fn the_command_names_no_file_of_this_machine() {
    let mut report = sample::report();
    report.command = "revring-load scenario replay --short --server /home/me/revring --json=/tmp/report.json --html r.html \
                      --replay /home/me/keys.json.gz"
        .to_owned();
    let (markdown, _) = page::page(&report).unwrap();
    let command = "-p revring-load -- scenario replay --short --replay keys.json.gz\n";
    assert!(markdown.contains(command), "{markdown}");
    let document = html::document(&report).unwrap();
    assert!(!document.contains("/home/me") && !document.contains("report.json"));
}

#[test]
fn no_number_is_missing_or_endless() {
    let mut report = sample::report();
    let empty = &mut report.chapters[1].runs[0];
    empty.seconds = 0.0;
    empty.counts = crate::model::Counts::default();
    for sample in &mut empty.samples {
        sample.deliveries = 0;
        sample.at = 0.0;
    }
    let (markdown, drawn) = page::page(&report).unwrap();
    let plots = drawn.into_iter().map(|(_, svg)| svg);
    let written = [summary(&report), html::document(&report).unwrap(), markdown];
    for text in written.into_iter().chain(plots) {
        for word in ["NaN", "inf%", " inf ", ">inf<", "-inf", "null"] {
            assert!(!text.contains(word), "{word} is in\n{text}");
        }
    }
}

#[test]
fn the_document_is_well_formed_and_loads_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("report.html");
    write_html(&sample::report(), &path).unwrap();
    let document = fs::read_to_string(&path).unwrap();
    assert_balanced(&document);
    for from_elsewhere in ["<script", "<link", "src=", "url(", "@import"] {
        assert!(!document.contains(from_elsewhere), "{from_elsewhere}");
    }
}

#[test]
fn the_page_is_the_same_for_the_same_report_and_leaves_no_plot_of_another() {
    let directory = tempfile::tempdir().unwrap();
    let report = sample::report();
    write_page(&report, directory.path()).unwrap();
    let first = contents(directory.path());
    fs::write(directory.path().join("results/of-another.svg"), "").unwrap();
    write_page(&report, directory.path()).unwrap();
    assert_eq!(first, contents(directory.path()));
    assert_eq!(first.len(), 1 + 9);
}

#[test]
fn an_empty_report_can_be_written() {
    let empty = Report {
        chapters: Vec::new(),
        ..sample::report()
    };
    assert_balanced(&html::document(&empty).unwrap());
    assert!(page::page(&empty).unwrap().0.contains("# Results"));
    assert!(summary(&empty).contains("2 processors"));
}

/// Names and text of all files in and below a directory.
fn contents(directory: &std::path::Path) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(contents(&path));
        } else {
            all.push((
                path.display().to_string(),
                fs::read_to_string(&path).unwrap(),
            ));
        }
    }
    all.sort();
    all
}

/// Every tag that begins ends, in order.
fn assert_balanced(markup: &str) {
    let mut open: Vec<&str> = Vec::new();
    for part in markup.split('<').skip(1) {
        let (tag, _) = part.split_once('>').expect("a tag ends");
        let name = tag.split([' ', '\n', '/']).next().unwrap_or_default();
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name.trim()), "in {tag:?}");
        } else if !tag.ends_with('/') && !VOID.contains(&name) {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?} do not end");
}
