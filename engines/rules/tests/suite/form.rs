//! The proof that stands between a list of instructions and its execution, held to every kind of fault it must find.

use tidegate_engine_rules::{Aggregate, BUCKETS, Compare, OPS_MAX, Op, Program, STACK_MAX, Tables, Unsound};

const TABLES: Tables = Tables { slots: 2, texts: 1, windows: 1, watches: 1 };

fn prove(ops: &[Op]) -> Result<Program, Unsound> {
    Program::prove(ops.to_vec(), TABLES)
}

#[test]
fn a_program_knows_its_cost_and_its_stack() {
    let ops = [Op::Tag(0), Op::Number(80.0), Op::Compare(Compare::Greater)];
    let program = prove(&ops).unwrap();
    assert_eq!((program.cost(), program.stack(), program.ops()), (3, 2, &ops[..]));
}

#[test]
fn the_cost_is_that_of_the_dearest_way() {
    let window = Op::Window { window: 0, read: Aggregate::Average };
    let ops = [Op::Tag(0), Op::Unless(4), window, Op::Jump(5), Op::Number(0.0)];
    assert_eq!(prove(&ops).unwrap().cost(), 2 + BUCKETS as u32 + 4 + 1);
}

#[test]
fn every_unsound_list_is_refused() {
    let number = Op::Number(1.0);
    for (ops, unsound) in [
        (vec![], Unsound::Shape),
        (vec![number, number], Unsound::Shape),
        (vec![number; OPS_MAX + 1], Unsound::Shape),
        (vec![number, Op::Add], Unsound::Underflow(1)),
        (vec![number; STACK_MAX + 1], Unsound::Overflow(STACK_MAX)),
        (vec![Op::Jump(0)], Unsound::Jump(0)),
        (vec![number, Op::Unless(9), number], Unsound::Jump(1)),
        (vec![Op::Jump(2), number, number], Unsound::Unreached(1)),
        (vec![number, Op::Unless(3), number, number], Unsound::Heights(3)),
        (vec![Op::Tag(2)], Unsound::Table(0)),
        (vec![Op::TextIs { slot: 0, text: 1 }], Unsound::Table(0)),
        (vec![Op::Missing { watch: 1 }], Unsound::Table(0)),
        (vec![Op::Number(f64::NAN)], Unsound::Table(0)),
    ] {
        assert_eq!(prove(&ops), Err(unsound), "{ops:?}");
    }
}
