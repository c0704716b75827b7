//! Patterns: what a message must look like.

use serde_json::{Map, Value};

use super::{
    bindings::{Bindings, variable},
    mismatch::{Mismatch, Problem},
};

/// Whether an object may have fields that its pattern does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exactness {
    /// It may: newer servers may say more.
    Partial,
    /// It may not.
    Exact,
}

/// Fields whose contents belong to the application: nothing may be there that the pattern does not name.
const CONTENTS: [&str; 5] = ["data", "value", "insert", "view", "outcomes"];

/// Whether `value` is as `pattern` says; binds the variables that it meets for the first time.
///
/// # Errors
/// The first difference. Nothing is bound then.
pub(crate) fn matches(
    pattern: &Value,
    value: &Value,
    exactness: Exactness,
    bindings: &mut Bindings,
) -> Result<(), Mismatch> {
    let mut matcher = Matcher {
        bindings: bindings.clone(),
        path: Vec::new(),
    };
    match matcher.value(pattern, value, exactness) {
        Ok(()) => {
            *bindings = matcher.bindings;
            Ok(())
        }
        Err(problem) => Err(Mismatch {
            path: matcher.path.concat().trim_start_matches('.').to_owned(),
            problem,
        }),
    }
}

struct Matcher {
    bindings: Bindings,
    /// The steps to the value at hand; kept as they are when it differs.
    path: Vec<String>,
}

impl Matcher {
    fn value(
        &mut self,
        pattern: &Value,
        value: &Value,
        exactness: Exactness,
    ) -> Result<(), Problem> {
        match pattern {
            Value::String(text) => self.text(text, value),
            Value::Array(items) => self.array(items, value, exactness),
            Value::Object(fields) => self.object_or_condition(fields, value, exactness),
            Value::Number(number) => match value.as_number() {
                Some(other) if same_number(number, other) => Ok(()),
                _ => Err(differs(pattern, value)),
            },
            Value::Null | Value::Bool(_) if pattern == value => Ok(()),
            Value::Null | Value::Bool(_) => Err(differs(pattern, value)),
        }
    }

    fn text(&mut self, text: &str, value: &Value) -> Result<(), Problem> {
        if text == "$_" {
            return Ok(());
        }
        if text == "$absent" {
            return Err(Problem::Unexpected {
                received: value.clone(),
            });
        }
        if let Some(name) = variable(text).filter(|name| self.bindings.get(name).is_none()) {
            self.bindings.set(name, value.clone());
            return Ok(());
        }
        let expected = self
            .bindings
            .fill(&Value::from(text))
            .map_err(Problem::Fixture)?;
        if equal(&expected, value) {
            Ok(())
        } else {
            Err(differs(&expected, value))
        }
    }

    fn array(
        &mut self,
        patterns: &[Value],
        value: &Value,
        exactness: Exactness,
    ) -> Result<(), Problem> {
        let items = value
            .as_array()
            .ok_or_else(|| differs(&Value::from(patterns), value))?;
        for (i, pattern) in patterns.iter().enumerate() {
            let step = format!("[{i}]");
            match items.get(i) {
                Some(item) => {
                    self.within(step, |matcher| matcher.value(pattern, item, exactness))?;
                }
                None => self.within(step, |_| {
                    Err(Problem::Missing {
                        expected: pattern.clone(),
                    })
                })?,
            }
        }
        match items.get(patterns.len()) {
            Some(item) => self.within(format!("[{}]", patterns.len()), |_| {
                Err(Problem::Unexpected {
                    received: item.clone(),
                })
            }),
            None => Ok(()),
        }
    }

    fn object_or_condition(
        &mut self,
        fields: &Map<String, Value>,
        value: &Value,
        exactness: Exactness,
    ) -> Result<(), Problem> {
        match fields.iter().next() {
            Some((name, argument)) if name.starts_with('$') && variable_condition(name) => {
                self.condition(name, argument, fields, value)
            }
            _ => self.object(fields, value, exactness),
        }
    }

    fn condition(
        &mut self,
        name: &str,
        argument: &Value,
        fields: &Map<String, Value>,
        value: &Value,
    ) -> Result<(), Problem> {
        let pattern = || Value::Object(fields.clone());
        let holds = match name {
            "$exact" => return self.value(argument, value, Exactness::Exact),
            "$atLeast" => value
                .as_f64()
                .zip(argument.as_f64())
                .is_some_and(|(value, least)| value >= least),
            "$atMost" => value
                .as_f64()
                .zip(argument.as_f64())
                .is_some_and(|(value, most)| value <= most),
            "$length" => length(value).is_some_and(|n| Some(n) == argument.as_u64()),
            "$not" => self.value(argument, value, Exactness::Partial).is_err(),
            "$oneOf" => {
                let mut choices = argument.as_array().into_iter().flatten();
                choices.any(|choice| self.value(choice, value, Exactness::Partial).is_ok())
            }
            "$contains" => return self.contains(argument, value),
            _ => {
                let expected = self.bindings.fill(&pattern()).map_err(Problem::Fixture)?;
                equal(&expected, value)
            }
        };
        if holds {
            Ok(())
        } else {
            Err(differs(&pattern(), value))
        }
    }

    /// Each of `patterns` matches an item of `value`.
    fn contains(&mut self, patterns: &Value, value: &Value) -> Result<(), Problem> {
        let items = value.as_array().ok_or_else(|| differs(patterns, value))?;
        for pattern in patterns.as_array().into_iter().flatten() {
            let depth = self.path.len();
            let found = items.iter().any(|item| {
                self.path.truncate(depth);
                self.value(pattern, item, Exactness::Partial).is_ok()
            });
            self.path.truncate(depth);
            if !found {
                return Err(differs(pattern, value));
            }
        }
        Ok(())
    }

    fn object(
        &mut self,
        patterns: &Map<String, Value>,
        value: &Value,
        exactness: Exactness,
    ) -> Result<(), Problem> {
        let fields = value
            .as_object()
            .ok_or_else(|| differs(&Value::Object(patterns.clone()), value))?;
        let mut known = Vec::with_capacity(patterns.len());
        // The type first: between messages of two types no other difference tells anything.
        let (types, others): (Vec<_>, Vec<_>) =
            patterns.iter().partition(|(name, _)| *name == "type");
        for (name, pattern) in types.into_iter().chain(others) {
            let name = self.bindings.fill_key(name).map_err(Problem::Fixture)?;
            self.field(&name, pattern, fields.get(&name), exactness)?;
            known.push(name);
        }
        let unknown = fields
            .iter()
            .find(|(name, _)| exactness == Exactness::Exact && !known.contains(name));
        match unknown {
            Some((name, received)) => self.within(format!(".{name}"), |_| {
                Err(Problem::Unexpected {
                    received: received.clone(),
                })
            }),
            None => Ok(()),
        }
    }

    fn field(
        &mut self,
        name: &str,
        pattern: &Value,
        value: Option<&Value>,
        exactness: Exactness,
    ) -> Result<(), Problem> {
        self.within(format!(".{name}"), |matcher| match value {
            Some(value) if name == "state" => matcher.state(pattern, value),
            Some(value) if CONTENTS.contains(&name) => {
                matcher.value(pattern, value, Exactness::Exact)
            }
            Some(value) => matcher.value(pattern, value, exactness),
            None if pattern == "$absent" => Ok(()),
            None => Err(Problem::Missing {
                expected: pattern.clone(),
            }),
        })
    }

    /// A snapshot's state: exactly these collections and ids, with records that may have more fields.
    fn state(&mut self, pattern: &Value, value: &Value) -> Result<(), Problem> {
        let (Some(patterns), Some(collections)) = (pattern.as_object(), value.as_object()) else {
            return self.value(pattern, value, Exactness::Partial);
        };
        if patterns.keys().any(|name| name.starts_with('$')) {
            return self.value(pattern, value, Exactness::Partial);
        }
        for (name, records) in collections
            .iter()
            .filter(|(name, _)| !patterns.contains_key(*name))
        {
            self.within(format!(".{name}"), |_| {
                Err(Problem::Unexpected {
                    received: records.clone(),
                })
            })?;
        }
        for (name, pattern) in patterns {
            self.within(format!(".{name}"), |matcher| {
                match (collections.get(name), pattern.as_object()) {
                    (Some(records), Some(ids)) => matcher.records(ids, records),
                    (Some(records), None) => matcher.value(pattern, records, Exactness::Partial),
                    (None, _) => Err(Problem::Missing {
                        expected: pattern.clone(),
                    }),
                }
            })?;
        }
        Ok(())
    }

    fn records(&mut self, patterns: &Map<String, Value>, records: &Value) -> Result<(), Problem> {
        let condition = patterns.keys().any(|name| name.starts_with('$'));
        for (id, record) in records.as_object().into_iter().flatten() {
            if !condition && !patterns.contains_key(id) {
                self.within(format!(".{id}"), |_| {
                    Err(Problem::Unexpected {
                        received: record.clone(),
                    })
                })?;
            }
        }
        self.value(
            &Value::Object(patterns.clone()),
            records,
            Exactness::Partial,
        )
    }

    fn within(
        &mut self,
        step: String,
        check: impl FnOnce(&mut Self) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        self.path.push(step);
        check(self)?;
        self.path.pop();
        Ok(())
    }
}

/// Whether `name`, which begins with `$`, is a condition or generator and not a variable in the place of a field's name.
fn variable_condition(name: &str) -> bool {
    const CONDITIONS: [&str; 9] = [
        "$exact",
        "$atLeast",
        "$atMost",
        "$length",
        "$not",
        "$oneOf",
        "$contains",
        "$repeat",
        "$nest",
    ];
    CONDITIONS.contains(&name)
}

fn differs(expected: &Value, received: &Value) -> Problem {
    Problem::Differs {
        expected: expected.clone(),
        received: received.clone(),
    }
}

fn length(value: &Value) -> Option<u64> {
    let n = match value {
        Value::String(text) => text.chars().count(),
        Value::Array(items) => items.len(),
        Value::Object(fields) => fields.len(),
        Value::Null | Value::Bool(_) | Value::Number(_) => return None,
    };
    u64::try_from(n).ok()
}

/// Equal as rule V-1 has it: 1.0 is 1.
fn same_number(a: &serde_json::Number, b: &serde_json::Number) -> bool {
    a == b || ((a.is_f64() || b.is_f64()) && a.as_f64() == b.as_f64())
}

fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => same_number(a, b),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(name, a)| b.get(name).is_some_and(|b| equal(a, b)))
        }
        _ => a == b,
    }
}
