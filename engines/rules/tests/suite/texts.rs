//! Random rules that mean something: trees of the right kinds over the tags of the test catalog.

use proptest::prelude::*;
use tidegate_engine_rules::{Binary, Body, Compare, Expr, Node, Shape};

fn expr(node: Node) -> Expr {
    Expr { at: 0, node }
}

fn binary(binary: Binary, left: Expr, right: Expr) -> Expr {
    expr(Node::Binary(binary, Box::new(left), Box::new(right)))
}

fn tag(name: &str) -> Expr {
    expr(Node::Tag(name.to_owned()))
}

fn call(name: &str, arguments: Vec<Expr>) -> Expr {
    expr(Node::Call(name.to_owned(), arguments))
}

fn number_tag() -> impl Strategy<Value = Expr> {
    prop_oneof![Just("a"), Just("b")].prop_map(tag)
}

/// Small whole numbers, so that sums do not depend on the order of their parts.
fn constant() -> impl Strategy<Value = Expr> {
    (0..6_u8).prop_map(|number| expr(Node::Number(number.into())))
}

fn span() -> impl Strategy<Value = Expr> {
    prop_oneof![Just(16_u64), Just(40), Just(100)].prop_map(|ms| expr(Node::Span(ms)))
}

fn aggregate() -> impl Strategy<Value = Expr> {
    let names = prop_oneof![Just("avg"), Just("min"), Just("max"), Just("sum"), Just("count"), Just("last")];
    let both = (names, any::<bool>(), number_tag(), span()).prop_map(|(name, both, one, span)| {
        let tags = if both { vec![tag("a"), tag("b"), span] } else { vec![one, span] };
        call(name, tags)
    });
    let one = (prop_oneof![Just("rate"), Just("first")], number_tag(), span());
    prop_oneof![2 => both, 1 => one.prop_map(|(name, tag, span)| call(name, vec![tag, span]))]
}

fn compare() -> impl Strategy<Value = Compare> {
    prop_oneof![
        Just(Compare::Less),
        Just(Compare::AtMost),
        Just(Compare::Greater),
        Just(Compare::AtLeast),
        Just(Compare::Equal),
        Just(Compare::Differs)
    ]
}

fn arithmetic() -> impl Strategy<Value = Binary> {
    prop_oneof![Just(Binary::Add), Just(Binary::Subtract), Just(Binary::Multiply), Just(Binary::Divide)]
}

pub(crate) fn numbers() -> BoxedStrategy<Expr> {
    let leaf = prop_oneof![3 => number_tag(), 1 => constant(), 1 => aggregate()];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let pair = (arithmetic(), inner.clone(), inner.clone());
        let choice = (number_tag(), compare(), inner.clone(), inner.clone());
        prop_oneof![
            3 => pair.prop_map(|(op, one, other)| binary(op, one, other)),
            1 => inner.clone().prop_map(|of| expr(Node::Negative(Box::new(of)))),
            1 => inner.clone().prop_map(|of| call("abs", vec![of])),
            1 => (inner.clone(), inner).prop_map(|(one, other)| call("max", vec![one, other])),
            1 => choice.prop_map(|(tag, compare, yes, no)| {
                let condition = binary(Binary::Compare(compare), tag, expr(Node::Number(1.0)));
                call("if", vec![condition, yes, no])
            }),
        ]
    })
    .boxed()
}

pub(crate) fn booleans() -> BoxedStrategy<Expr> {
    let text = prop_oneof![Just(Compare::Equal), Just(Compare::Differs)]
        .prop_map(|compare| binary(Binary::Compare(compare), tag("t"), expr(Node::Text("run".to_owned()))));
    let missing = prop_oneof![Just("a"), Just("c")]
        .prop_map(|name| call("missing", vec![tag(name), expr(Node::Span(30))]));
    let test = (compare(), numbers(), numbers())
        .prop_map(|(compare, one, other)| binary(Binary::Compare(compare), one, other));
    let leaf = prop_oneof![5 => test, 2 => Just(tag("c")), 1 => text, 1 => missing];
    leaf.prop_recursive(3, 10, 2, |inner| {
        let junction = prop_oneof![Just(Binary::And), Just(Binary::Or)];
        let pair = (junction, inner.clone(), inner.clone());
        prop_oneof![
            3 => pair.prop_map(|(op, one, other)| binary(op, one, other)),
            1 => inner.prop_map(|of| expr(Node::Not(Box::new(of)))),
        ]
    })
    .boxed()
}

/// Bodies of conditions, with every shape and hold time.
pub(crate) fn conditions() -> impl Strategy<Value = Body> {
    let band = (numbers(), 2..5_u8).prop_map(|(value, up)| Shape::Band {
        value,
        raise: (Compare::Greater, expr(Node::Number(up.into()))),
        clear: (Compare::Less, expr(Node::Number(f64::from(up) - 1.0))),
    });
    let pair = (booleans(), booleans()).prop_map(|(raise, clear)| Shape::Pair { raise, clear });
    let shape = prop_oneof![3 => booleans().prop_map(Shape::Plain), 2 => band, 1 => pair];
    let hold = || prop::option::of(prop_oneof![Just(1_u64), Just(20), Just(50)]);
    (shape, hold(), hold()).prop_map(|(shape, hold_ms, clear_hold_ms)| Body { shape, hold_ms, clear_hold_ms })
}

pub(crate) fn number_bodies() -> impl Strategy<Value = Body> {
    numbers().prop_map(|expr| Body { shape: Shape::Plain(expr), hold_ms: None, clear_hold_ms: None })
}
