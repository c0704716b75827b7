//! What an operation costs as clients, rooms and state grow.

use std::time::Duration;

use super::{
    Findings, ScenarioError,
    figures::{Bound, Spread, cpu_per_delivery, cpu_per_update, goal, number, sound, table},
    lab::{LARGE_RING, Lab, plan},
    pairs::{Batch, against_the_limit},
};
use crate::{
    model::{Axis, Goal, Line, Outcome, Plot},
    plan::{Pace, Plan, Work},
};

/// How much the cost per delivery may differ between the least and the most.
const FLAT: f64 = 1.5;

pub(super) fn carry_out(lab: &Lab<'_>) -> Result<Findings, ScenarioError> {
    let mut findings = Findings::default();
    clients(lab, &mut findings)?;
    rooms(lab, &mut findings)?;
    records(lab, &mut findings)?;
    findings.goals.push(sound(
        "order, holes, acknowledgements and final states at every size",
        &findings.runs,
    ));
    Ok(findings)
}

/// A row of sizes: what grows, and the cost at each size.
struct Row {
    title: &'static str,
    grows: &'static str,
    points: Vec<Point>,
}

/// Runs of one size.
struct Point {
    size: usize,
    runs: Vec<Outcome>,
    /// The bare loop by turns with them, where that can be.
    bare: Vec<Outcome>,
}

fn clients(lab: &Lab<'_>, findings: &mut Findings) -> Result<(), ScenarioError> {
    let mut points = Vec::new();
    for clients in lab.pick(vec![10, 100, 1000, 3000, 10_000], vec![10, 1000, 10_000]) {
        let plan = Plan {
            // The writer is a client, too.
            readers: clients - 1,
            pace: Pace::Window(1),
            stamps_of_one_in: 100,
            ..sized(lab, format!("{clients} clients"))
        };
        let mut point = Point {
            size: clients,
            runs: Vec::new(),
            bare: Vec::new(),
        };
        let pairs = against_the_limit(lab, &plan, Batch::Of(1), lab.pick(2, 1))?;
        for (run, bare) in pairs.into_pairs() {
            point.runs.push(run);
            point.bare.push(bare);
        }
        points.push(point);
    }
    findings.goals.push(flat(
        "clients 10 to 10,000: server's processor time per delivery, most / least",
        &points,
        cpu_per_delivery,
    ));
    findings.goals.push(evenness(
        "clients 10 to 10,000: processor time per delivery / a bare write's, most / least",
        "",
        points.iter().map(Point::beside_bare),
    ));
    findings.notes.push(
        "A bare write costs more, too, when there are so many sockets that what the kernel keeps of them no longer fits in the processor's \
         caches. Server and bare loop take turns."
            .to_owned(),
    );
    Row {
        title: "Cost against clients",
        grows: "clients",
        points,
    }
    .add_to(findings);
    Ok(())
}

fn rooms(lab: &Lab<'_>, findings: &mut Findings) -> Result<(), ScenarioError> {
    let mut points = Vec::new();
    for rooms in lab.pick(vec![1, 100, 1000, 10_000], vec![1, 10_000]) {
        let plan = Plan {
            rooms,
            // One client in each room, who writes; as many updates in all each time, so that only the rooms differ.
            writers: rooms,
            pace: Pace::Rate(5000.0),
            ..sized(lab, format!("{rooms} rooms"))
        };
        points.push(Point::of(rooms, lab.run(&plan, &lab.revring(&[])?)?));
    }
    findings.goals.push(flat(
        "rooms 1 to 10,000: server's processor time per operation, most / least",
        &points,
        cpu_per_update,
    ));
    Row {
        title: "Cost against rooms",
        grows: "rooms, one client in each",
        points,
    }
    .add_to(findings);
    Ok(())
}

fn records(lab: &Lab<'_>, findings: &mut Findings) -> Result<(), ScenarioError> {
    let read = by_records(lab, 100, Pace::Window(1))?;
    findings.goals.push(flat(
        "state 1 to 100,000 records: server's processor time per delivery, most / least",
        &read,
        cpu_per_delivery,
    ));
    Row {
        title: "Cost against state",
        grows: "records, 100 clients",
        points: read,
    }
    .add_to(findings);
    // With no one to tell of it, and never out of work, the server's time is that of updates alone.
    let unread = by_records(lab, 0, Pace::Window(512))?;
    findings.goals.push(flat(
        "state 1 to 100,000 records, no readers: server's processor time per update, most / least",
        &unread,
        cpu_per_update,
    ));
    findings.notes.push(
        "Updates go to one record after the other: of 100,000, few are still in the processor's caches when their turn comes."
            .to_owned(),
    );
    Row {
        title: "Cost of an update against state",
        grows: "records, one writer alone",
        points: unread,
    }
    .add_to(findings);
    Ok(())
}

fn by_records(lab: &Lab<'_>, readers: usize, pace: Pace) -> Result<Vec<Point>, ScenarioError> {
    let mut points = Vec::new();
    for records in lab.pick(vec![1, 100, 10_000, 100_000], vec![1, 100_000]) {
        let who = if readers == 0 {
            ", one writer alone"
        } else {
            ""
        };
        let plan = Plan {
            readers,
            pace,
            work: Work::Put,
            records,
            record_bytes: 100,
            ..sized(lab, format!("{records} records{who}"))
        };
        let room = [&LARGE_RING[..], &["--document-bytes", "256MiB"]].concat();
        points.push(Point::of(records, lab.run(&plan, &lab.revring(&room)?)?));
    }
    Ok(points)
}

fn sized(lab: &Lab<'_>, name: String) -> Plan {
    Plan {
        duration: lab.pick(Duration::from_secs(2), Duration::from_millis(700)),
        ..plan(name)
    }
}

fn flat(what: &str, points: &[Point], cost: fn(&Outcome) -> f64) -> Goal {
    evenness(what, " µs", points.iter().map(|point| point.cost(cost)))
}

fn evenness(what: &str, unit: &str, costs: impl Iterator<Item = f64>) -> Goal {
    let costs: Vec<f64> = costs.collect();
    // A size without a figure leaves the others without a verdict.
    let (least, most) = if costs.iter().any(|cost| cost.is_nan()) {
        (f64::NAN, f64::NAN)
    } else {
        let least = costs.iter().copied().fold(f64::INFINITY, f64::min);
        (least, costs.iter().copied().fold(0.0, f64::max))
    };
    let ratio = most / least;
    goal(
        what,
        Bound::AtMost(FLAT),
        ratio,
        format!("{ratio:.2} ({least:.2} to {most:.2}{unit})"),
    )
}

impl Point {
    fn of(size: usize, run: Outcome) -> Self {
        Self {
            size,
            runs: vec![run],
            bare: Vec::new(),
        }
    }

    fn cost(&self, cost: fn(&Outcome) -> f64) -> f64 {
        Spread::of(self.runs.iter().map(cost)).median
    }

    /// Not a number without a bare loop.
    fn bare(&self) -> f64 {
        Spread::of(self.bare.iter().map(cpu_per_delivery)).median
    }

    /// The cost per delivery as a multiple of that of a bare write to as many sockets, which is how much the kernel's part grows.
    fn beside_bare(&self) -> f64 {
        let pairs = self.runs.iter().zip(&self.bare);
        Spread::of(pairs.map(|(run, bare)| cpu_per_delivery(run) / cpu_per_delivery(bare))).median
    }
}

impl Row {
    fn add_to(self, findings: &mut Findings) {
        let mut costs = table(
            self.title,
            &[
                self.grows,
                "server, µs per update",
                "server, µs per delivery",
                "bare write, µs",
                "server / bare",
            ],
        );
        for point in &self.points {
            let beside = |figure: f64| match point.bare.is_empty() {
                true => String::new(),
                false => format!("{figure:.2}"),
            };
            costs.rows.push(vec![
                point.size.to_string(),
                format!("{:.1}", point.cost(cpu_per_update)),
                format!("{:.2}", point.cost(cpu_per_delivery)),
                beside(point.bare()),
                beside(point.beside_bare()),
            ]);
        }
        findings.tables.push(costs);
        findings.plots.push(self.plot());
        let runs = self
            .points
            .into_iter()
            .flat_map(|point| point.runs.into_iter().chain(point.bare));
        findings.runs.extend(runs);
    }

    fn plot(&self) -> Plot {
        let line = |name: &str, cost: &dyn Fn(&Point) -> f64| Line {
            name: name.to_owned(),
            points: self
                .points
                .iter()
                .map(|point| (number(point.size), cost(point)))
                .collect(),
        };
        let mut lines = vec![
            line("per update", &|point| point.cost(cpu_per_update)),
            line("per delivery", &|point| point.cost(cpu_per_delivery)),
        ];
        if self.points.iter().all(|point| !point.bare.is_empty()) {
            lines.push(line("per bare write", &Point::bare));
        }
        let axis = |label: &str| Axis {
            label: label.to_owned(),
            logarithmic: true,
        };
        Plot {
            title: self.title.to_owned(),
            x: axis(self.grows),
            y: axis("server's processor, µs"),
            lines,
        }
    }
}
