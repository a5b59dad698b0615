//! Nodes, and how a version follows from another.

use std::sync::{Arc, OnceLock};

/// A part of the trie below some path. Paths are nibbles.
#[derive(Debug)]
pub(super) struct Node<V> {
    pub(super) kind: Kind<V>,
    /// How the parent names it: its encoding where that is short, else its hash; both as RLP.
    pub(super) reference: OnceLock<Vec<u8>>,
}

#[derive(Debug)]
pub(super) enum Kind<V> {
    Leaf { path: Vec<u8>, value: V },
    Extension { path: Vec<u8>, child: Arc<Node<V>> },
    Branch([Option<Arc<Node<V>>>; 16]),
}

type Child<V> = Arc<Node<V>>;

fn node<V>(kind: Kind<V>) -> Child<V> {
    Arc::new(Node { kind, reference: OnceLock::new() })
}

fn leaf<V>(path: &[u8], value: V) -> Child<V> {
    node(Kind::Leaf { path: path.to_vec(), value })
}

/// A child below a path, which may be empty.
fn extended<V>(path: &[u8], child: Child<V>) -> Child<V> {
    match path {
        [] => child,
        _ => node(Kind::Extension { path: path.to_vec(), child }),
    }
}

fn common(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(one, other)| one == other).count()
}

/// The trie with a value set.
pub(super) fn insert<V: Clone>(root: Option<&Child<V>>, path: &[u8], value: V) -> Child<V> {
    let Some(root) = root else {
        return leaf(path, value);
    };
    match &root.kind {
        Kind::Leaf { path: held, .. } if held[..] == *path => leaf(path, value),
        Kind::Leaf { path: held, value: old } => {
            let at = common(held, path);
            let old = leaf(&held[at + 1..], old.clone());
            split(path, at, (held[at], old), value)
        }
        Kind::Extension { path: held, child } => {
            let at = common(held, path);
            if at == held.len() {
                return extended(held, insert(Some(child), &path[at..], value));
            }
            let old = extended(&held[at + 1..], Arc::clone(child));
            split(path, at, (held[at], old), value)
        }
        Kind::Branch(children) => {
            let mut children = children.clone();
            let child = &mut children[usize::from(path[0])];
            *child = Some(insert(child.as_ref(), &path[1..], value));
            node(Kind::Branch(children))
        }
    }
}

/// A branch at position `at` of the path, with what was there and the new value.
fn split<V>(path: &[u8], at: usize, old: (u8, Child<V>), value: V) -> Child<V> {
    let mut children: [Option<Child<V>>; 16] = Default::default();
    children[usize::from(old.0)] = Some(old.1);
    children[usize::from(path[at])] = Some(leaf(&path[at + 1..], value));
    extended(&path[..at], node(Kind::Branch(children)))
}

/// The trie without a value; the outer `None` where it is not there.
pub(super) fn remove<V: Clone>(root: &Child<V>, path: &[u8]) -> Option<Option<Child<V>>> {
    match &root.kind {
        Kind::Leaf { path: held, .. } => (held[..] == *path).then_some(None),
        Kind::Extension { path: held, child } => {
            let rest = remove(child, path.strip_prefix(&held[..])?)?;
            Some(rest.map(|child| joined(held, &child)))
        }
        Kind::Branch(children) => {
            let index = usize::from(path[0]);
            let rest = remove(children[index].as_ref()?, &path[1..])?;
            let mut children = children.clone();
            children[index] = rest;
            Some(Some(settled(children)))
        }
    }
}

/// A branch, or what takes its place where one child is left.
fn settled<V: Clone>(children: [Option<Child<V>>; 16]) -> Child<V> {
    let mut held = (0u8..).zip(&children).filter_map(|(at, child)| Some((at, child.as_ref()?)));
    match (held.next(), held.next()) {
        (Some((at, only)), None) => joined(&[at], only),
        _ => node(Kind::Branch(children)),
    }
}

/// A path before a node, in one node where both have one.
fn joined<V: Clone>(path: &[u8], child: &Child<V>) -> Child<V> {
    match &child.kind {
        Kind::Leaf { path: rest, value } => leaf(&[path, rest].concat(), value.clone()),
        Kind::Extension { path: rest, child } => {
            extended(&[path, rest].concat(), Arc::clone(child))
        }
        Kind::Branch(_) => extended(path, Arc::clone(child)),
    }
}

/// The value at a path.
pub(super) fn get<'a, V>(root: &'a Child<V>, path: &[u8]) -> Option<&'a V> {
    match &root.kind {
        Kind::Leaf { path: held, value } => (held[..] == *path).then_some(value),
        Kind::Extension { path: held, child } => get(child, path.strip_prefix(&held[..])?),
        Kind::Branch(children) => get(children[usize::from(path[0])].as_ref()?, &path[1..]),
    }
}
