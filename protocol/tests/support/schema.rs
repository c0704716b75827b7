//! As much of a JSON Schema validator as the schemas here need; it refuses keywords it does not know.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails"
)]

use serde_json::{Map, Value as Json};

/// Why `value` does not fit the schema `root`; `None` when it does.
pub(crate) fn problem(root: &Json, value: &Json) -> Option<String> {
    Validator { root }.fits(root, value).err()
}

struct Validator<'a> {
    root: &'a Json,
}

type Fits = Result<(), String>;

impl Validator<'_> {
    fn fits(&self, schema: &Json, value: &Json) -> Fits {
        let schema = match schema {
            Json::Bool(true) => return Ok(()),
            Json::Object(schema) => schema,
            _ => return Err(format!("nothing fits {schema}")),
        };
        for (keyword, rule) in schema {
            self.keyword(schema, keyword, rule, value)
                .map_err(|problem| format!("{keyword}: {problem}"))?;
        }
        Ok(())
    }

    fn keyword(
        &self,
        schema: &Map<String, Json>,
        keyword: &str,
        rule: &Json,
        value: &Json,
    ) -> Fits {
        match keyword {
            "$schema" | "$defs" | "title" | "description" | "default" => Ok(()),
            "$ref" => {
                let pointer = rule.as_str().unwrap().strip_prefix('#').unwrap();
                self.fits(
                    self.root
                        .pointer(pointer)
                        .unwrap_or_else(|| panic!("no {pointer}")),
                    value,
                )
            }
            "type" => is_type(rule, value),
            "const" => ensure(rule == value, || format!("{value} is not {rule}")),
            "enum" => ensure(rule.as_array().unwrap().contains(value), || {
                format!("{value} is none of {rule}")
            }),
            "oneOf" | "anyOf" => self.some_of(keyword, rule.as_array().unwrap(), value),
            "minimum" => bounded(value.as_f64(), |n| n >= rule.as_f64().unwrap()),
            "maximum" => bounded(value.as_f64(), |n| n <= rule.as_f64().unwrap()),
            "minLength" => bounded(length(value), |n| n >= rule.as_f64().unwrap()),
            "maxLength" => bounded(length(value), |n| n <= rule.as_f64().unwrap()),
            "minItems" => bounded(value.as_array().map(|items| items.len() as f64), |n| {
                n >= rule.as_f64().unwrap()
            }),
            "pattern" => value
                .as_str()
                .map_or(Ok(()), |text| pattern(rule.as_str().unwrap(), text)),
            "items" => value
                .as_array()
                .into_iter()
                .flatten()
                .try_for_each(|item| self.fits(rule, item)),
            "required"
            | "properties"
            | "patternProperties"
            | "additionalProperties"
            | "dependentRequired" => value
                .as_object()
                .map_or(Ok(()), |value| self.fields(schema, keyword, rule, value)),
            other => panic!("the keyword {other} is not known here"),
        }
    }

    fn some_of(&self, keyword: &str, options: &[Json], value: &Json) -> Fits {
        let results: Vec<_> = options
            .iter()
            .map(|option| self.fits(option, value))
            .collect();
        let fitting = results.iter().filter(|result| result.is_ok()).count();
        let enough = if keyword == "oneOf" {
            fitting == 1
        } else {
            fitting >= 1
        };
        ensure(enough, || format!("{fitting} fit: {results:?}"))
    }

    fn fields(
        &self,
        schema: &Map<String, Json>,
        keyword: &str,
        rule: &Json,
        value: &Map<String, Json>,
    ) -> Fits {
        let missing = |names: &Json| {
            let mut names = names.as_array().unwrap().iter();
            names
                .find(|name| !value.contains_key(name.as_str().unwrap()))
                .cloned()
        };
        match keyword {
            "required" => missing(rule).map_or(Ok(()), |name| Err(format!("{name} is missing"))),
            "dependentRequired" => {
                let mut given = rule
                    .as_object()
                    .unwrap()
                    .iter()
                    .filter(|(name, _)| value.contains_key(*name));
                given
                    .find_map(|(_, names)| missing(names))
                    .map_or(Ok(()), |name| Err(format!("{name} is missing")))
            }
            "properties" => rule
                .as_object()
                .unwrap()
                .iter()
                .try_for_each(|(name, rule)| {
                    value
                        .get(name)
                        .map_or(Ok(()), |value| self.fits(rule, value))
                        .map_err(|problem| format!("{name}: {problem}"))
                }),
            "patternProperties" => rule
                .as_object()
                .unwrap()
                .iter()
                .try_for_each(|(keys, rule)| {
                    value
                        .iter()
                        .filter(|(key, _)| pattern(keys, key).is_ok())
                        .try_for_each(|(_, value)| self.fits(rule, value))
                }),
            _ => {
                let named = schema.get("properties").and_then(Json::as_object);
                let patterns = schema.get("patternProperties").and_then(Json::as_object);
                let mut others = value.iter().filter(|(key, _)| {
                    !named.is_some_and(|named| named.contains_key(*key))
                        && !patterns.is_some_and(|rules| {
                            rules.keys().any(|rule| pattern(rule, key).is_ok())
                        })
                });
                others.try_for_each(|(_, value)| self.fits(rule, value))
            }
        }
    }
}

fn ensure(holds: bool, problem: impl FnOnce() -> String) -> Fits {
    if holds { Ok(()) } else { Err(problem()) }
}

fn bounded(n: Option<f64>, within: impl FnOnce(f64) -> bool) -> Fits {
    n.map_or(Ok(()), |n| {
        ensure(within(n), || format!("{n} is out of bounds"))
    })
}

fn length(value: &Json) -> Option<f64> {
    value.as_str().map(|text| text.chars().count() as f64)
}

fn is_type(rule: &Json, value: &Json) -> Fits {
    let is = |name: &Json| match name.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.as_f64().is_some_and(|n| n.fract() == 0.0),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("no type {other}"),
    };
    let fits = rule
        .as_array()
        .map_or_else(|| is(rule), |names| names.iter().any(is));
    ensure(fits, || format!("{value} is not {rule}"))
}

/// The patterns of the schemas, each in words.
fn pattern(pattern: &str, text: &str) -> Fits {
    let every = |allowed: fn(char) -> bool| !text.is_empty() && text.chars().all(allowed);
    let fits = match pattern {
        r"^[A-Za-z0-9\-_.:~@/]+$" => every(|c| c.is_ascii_alphanumeric() || "-_.:~@/".contains(c)),
        r"^[A-Za-z0-9\-_]+$" => every(|c| c.is_ascii_alphanumeric() || "-_".contains(c)),
        "^[!-~]+$" => every(|c| c.is_ascii_graphic()),
        r"^[^\u0000-\u001f\u007f-\u009f]+$" => every(|c| !c.is_control()),
        "^(/([^~/]|~[01])*)+$" => {
            text.starts_with('/')
                && text
                    .split('~')
                    .skip(1)
                    .all(|rest| rest.starts_with(['0', '1']))
        }
        other => panic!("the pattern {other} is not known here"),
    };
    ensure(fits, || format!("{text:?} is not of {pattern}"))
}
