//! JSON Pointers (RFC 6901) into JSON values, and the three edits of RFC 6902 that change what they point at.

use serde_json::Value;

/// What is done at a place.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Action {
    /// Put a member, or insert an element.
    Add(Value),
    /// Put another value there.
    Replace(Value),
    /// Take it away.
    Remove,
}

/// The tokens of a pointer.
pub(super) fn tokens(pointer: &str) -> Result<Vec<String>, String> {
    if pointer.is_empty() {
        return Ok(Vec::new());
    }
    let rest = pointer
        .strip_prefix('/')
        .ok_or_else(|| format!("{pointer:?} is not a JSON Pointer"))?;
    let plain = |token: &str| token.replace("~1", "/").replace("~0", "~");
    Ok(rest.split('/').map(plain).collect())
}

/// The pointer of tokens.
pub(super) fn text<'a>(tokens: impl IntoIterator<Item = &'a str>) -> String {
    let mut text = String::new();
    for token in tokens {
        text.push('/');
        text.push_str(&token.replace('~', "~0").replace('/', "~1"));
    }
    text
}

/// The place in a list of `length` that a token names; `-` is the one after the last.
pub(super) fn index(token: &str, length: usize) -> Result<usize, String> {
    if token == "-" {
        return Ok(length);
    }
    token
        .parse()
        .ok()
        .filter(|index| *index <= length)
        .ok_or_else(|| format!("there is no place {token} in a list of {length}"))
}

/// The value at `tokens`.
pub(super) fn find<'a>(value: &'a Value, tokens: &[String]) -> Result<&'a Value, String> {
    tokens.iter().try_fold(value, |value, token| {
        match value {
            Value::Array(items) => items.get(index(token, items.len())?),
            Value::Object(members) => members.get(token),
            _ => None,
        }
        .ok_or_else(|| missing(tokens))
    })
}

/// Edits `value` at `tokens`, of which there is at least one.
pub(super) fn edit(value: &mut Value, tokens: &[String], action: Action) -> Result<(), String> {
    let [parents @ .., last] = tokens else {
        return Err("the place is the whole value".to_owned());
    };
    match (find_mut(value, parents)?, action) {
        (Value::Object(members), Action::Add(new)) => {
            members.insert(last.clone(), new);
        }
        (Value::Object(members), Action::Replace(new)) => {
            *members.get_mut(last).ok_or_else(|| missing(tokens))? = new;
        }
        (Value::Object(members), Action::Remove) => {
            members.remove(last).ok_or_else(|| missing(tokens))?;
        }
        (Value::Array(items), Action::Add(new)) => {
            items.insert(index(last, items.len())?, new);
        }
        (Value::Array(items), action) => {
            let at = index(last, items.len())?;
            let item = items.get_mut(at).ok_or_else(|| missing(tokens))?;
            match action {
                Action::Replace(new) | Action::Add(new) => *item = new,
                Action::Remove => {
                    items.remove(at);
                }
            }
        }
        _ => return Err(missing(tokens)),
    }
    Ok(())
}

fn find_mut<'a>(value: &'a mut Value, tokens: &[String]) -> Result<&'a mut Value, String> {
    tokens.iter().try_fold(value, |value, token| {
        match value {
            Value::Array(items) => {
                let at = index(token, items.len())?;
                items.get_mut(at)
            }
            Value::Object(members) => members.get_mut(token),
            _ => None,
        }
        .ok_or_else(|| missing(tokens))
    })
}

fn missing(tokens: &[String]) -> String {
    let place = text(tokens.iter().map(String::as_str));
    format!("there is nothing at {place}")
}
