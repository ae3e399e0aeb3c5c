//! TOML with the line of every value.

use ::toml::Spanned;
use ::toml::de::{DeTable, DeValue};

use super::node::MAX_DEPTH;
use super::origin::Lines;
use super::problem::MAX_PROBLEMS;
use super::{KeyPath, Node, Origin, Problem, Problems, Table, Value};

/// Reads a document; every syntax error is a problem with its line.
pub(super) fn parse(text: &str, name: &str) -> Result<Table, Problems> {
    let lines = Lines::new(name, text);
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut problems: Problems = errors
        .into_iter()
        .take(MAX_PROBLEMS)
        .map(|error| {
            let origin = error.span().map_or_else(|| Origin::file(name), |span| lines.at(span.start));
            // The message alone: the error's `Display` quotes the line, and the line may hold a secret.
            Problem::new(KeyPath::root(), origin, error.message())
        })
        .collect();
    let read = if problems.is_empty() {
        let mut reader = Reader { origin: &|at| lines.at(at), problems };
        let table = reader.table(document.get_ref(), &KeyPath::root());
        reader.problems.or(table)
    } else {
        problems.sort();
        Err(problems)
    };
    dismantle(DeValue::Table(document.into_inner()));
    read
}

/// Reads one value, as a variable holds it: `[1, 2]`, `{ max_attempts = 4 }`. Everything in it has the same origin.
pub(super) fn parse_value(text: &str, origin: &Origin) -> Result<Node, String> {
    let (value, errors) = DeValue::parse_recoverable(text);
    let read = if let Some(error) = errors.first() {
        Err(error.message().to_owned())
    } else {
        let mut reader = Reader { origin: &|_| origin.clone(), problems: Problems::new() };
        let node = reader.node(&value, value.span().start, &KeyPath::root());
        match reader.problems.iter().next() {
            None => Ok(node),
            Some(problem) => Err(problem.message.clone()),
        }
    };
    dismantle(value.into_inner());
    read
}

/// Drops a value without recursion. The parser limits brackets to 80 and the dots of one key to 80, but not their
/// product: `{ a.a.a = { a.a.a = …` is thousands of tables deep, and dropping those one in another exhausts the stack.
fn dismantle(value: DeValue<'_>) {
    let mut left = vec![value];
    while let Some(value) = left.pop() {
        match value {
            DeValue::Array(list) => left.extend(list.into_iter().map(Spanned::into_inner)),
            DeValue::Table(table) => left.extend(table.into_iter().map(|(_, value)| value.into_inner())),
            _ => {}
        }
    }
}

struct Reader<'a> {
    origin: &'a dyn Fn(usize) -> Origin,
    problems: Problems,
}

impl Reader<'_> {
    fn table(&mut self, table: &DeTable<'_>, path: &KeyPath) -> Table {
        table
            .iter()
            .map(|(key, value)| {
                let name = key.get_ref();
                // A table's own span may be that of its contents; the key is what a person looks for.
                (name.to_string(), self.node(value, key.span().start, &path.key(name)))
            })
            .collect()
    }

    fn node(&mut self, value: &Spanned<DeValue<'_>>, at: usize, path: &KeyPath) -> Node {
        let origin = (self.origin)(at);
        let value = match value.get_ref() {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Boolean(value) => Value::Bool(*value),
            DeValue::Datetime(value) => Value::Datetime(value.to_string()),
            DeValue::Integer(value) => match i128::from_str_radix(value.as_str(), value.radix()) {
                Ok(value) => Value::Integer(value),
                Err(_) => self.refuse(path, &origin, "the number is too large".to_owned()),
            },
            DeValue::Float(value) => match value.as_str().parse() {
                Ok(value) => Value::Float(value),
                Err(_) => self.refuse(path, &origin, "not a number".to_owned()),
            },
            DeValue::Array(_) | DeValue::Table(_) if path.segments().len() > MAX_DEPTH => {
                self.refuse(path, &origin, format!("nested more than {MAX_DEPTH} deep"))
            }
            DeValue::Array(list) => Value::List(
                list.iter().enumerate().map(|(index, item)| self.node(item, item.span().start, &path.index(index))).collect(),
            ),
            DeValue::Table(table) => Value::Table(self.table(table, path)),
        };
        Node::new(value, origin)
    }

    fn refuse(&mut self, path: &KeyPath, origin: &Origin, message: String) -> Value {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(Problem::new(path.clone(), origin.clone(), message));
        }
        Value::Bool(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(table: &Table, keys: &[&str]) -> String {
        let mut node = &table[keys[0]];
        for key in &keys[1..] {
            node = match &node.value {
                Value::List(list) => &list[key.parse::<usize>().unwrap()],
                _ => node.get(key).unwrap(),
            };
        }
        node.origin.to_string()
    }

    #[test]
    fn every_value_knows_its_line() {
        let text = "version = 1\n\n[services.a]\nprovider = \"s3\"\nlist = [\n  1,\n  { x = 2 },\n]\nretry.max = 3\n\
                    [services.a.nested]\non = 2024-05-01T10:00:00Z\n[[services.b]]\n";
        let table = parse(text, "c.toml").unwrap();
        for (keys, expected) in [
            (&["version"][..], "c.toml:1"),
            (&["services", "a"], "c.toml:3"),
            (&["services", "a", "provider"], "c.toml:4"),
            (&["services", "a", "list"], "c.toml:5"),
            (&["services", "a", "list", "0"], "c.toml:6"),
            (&["services", "a", "list", "1", "x"], "c.toml:7"),
            (&["services", "a", "retry", "max"], "c.toml:9"),
            (&["services", "a", "nested", "on"], "c.toml:11"),
            (&["services", "b"], "c.toml:12"),
        ] {
            assert_eq!(line(&table, keys), expected, "{keys:?}");
        }
        let on = table["services"].get("a").unwrap().get("nested").unwrap().get("on").unwrap();
        assert_eq!(on.value, Value::Datetime("2024-05-01T10:00:00Z".into()));
    }

    #[test]
    fn every_syntax_error_is_reported_without_its_text() {
        let problems = parse("a = 1\na = 2\nb = hunter2\n[c\nd = 1\n", "c.toml").unwrap_err();
        let shown = problems.to_string();
        assert!(problems.len() >= 3, "{shown}");
        for line in ["c.toml:2: ", "c.toml:3: ", "c.toml:4: "] {
            assert!(shown.contains(line), "{shown}");
        }
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn numbers_of_every_spelling() {
        let table = parse("a = 0xff\nb = 1_000\nc = -5\nd = 1.5e3\ne = 9_223_372_036_854_775_808\n", "c.toml").unwrap();
        for (key, value) in [
            ("a", Value::Integer(255)),
            ("b", Value::Integer(1000)),
            ("c", Value::Integer(-5)),
            ("d", Value::Float(1500.0)),
            ("e", Value::Integer(9_223_372_036_854_775_808)),
        ] {
            assert_eq!(table[key].value, value, "{key}");
        }
        let problems = parse(&format!("a = {}\n", "9".repeat(50)), "c.toml").unwrap_err();
        assert_eq!(problems.to_string(), "a (c.toml:1): the number is too large");
    }

    #[test]
    fn inline_values() {
        let origin = Origin::Environment("X".into());
        let node = parse_value("{ a = [1, 'two'] }", &origin).unwrap();
        assert_eq!(node.get("a").unwrap().origin, origin);
        for text in ["{ a = ", "1\nb = 2", "[1] 2", "", "{a=1} # c\n{}"] {
            assert!(parse_value(text, &origin).is_err(), "{text}");
        }
    }

    #[test]
    fn deep_input_is_refused_and_never_exhausts_the_stack() {
        let dotted = ["a"; 79].join(".");
        let inline = |keys: &str, times: usize| format!("{}1{}", format!("{{ {keys} = ").repeat(times), " }".repeat(times));
        for text in [
            format!("a = {}{}", "[".repeat(70), "]".repeat(70)),
            format!("a = {}", "[".repeat(500_000)),
            format!("[{}]\nb = 1", ["a"; 70].join(".")),
            format!("{} = 1", ["a"; 300_000].join(".")),
            format!("[{dotted}]\n{dotted} = {}", inline(&dotted, 70)),
            format!("a = {}", "{a=".repeat(300_000)),
        ] {
            let problems = parse(&text, "c.toml").unwrap_err();
            assert!(!problems.is_empty());
        }
    }
}
