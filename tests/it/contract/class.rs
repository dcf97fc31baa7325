//! Every operation has a class, so that it is known what is refused first when too much comes.

use super::openapi::operations;
use std::collections::BTreeSet;
use weizhan::{
    app::Class,
    http::class::{TABLE, of_operation},
};

#[test]
fn every_operation_has_one_class_and_no_class_has_another() {
    let documented: BTreeSet<_> = operations().into_iter().map(|operation| operation.id).collect();
    let classed: Vec<_> = TABLE.iter().flat_map(|(_, ids)| ids.iter().map(|id| (*id).to_owned())).collect();
    let distinct: BTreeSet<_> = classed.iter().cloned().collect();
    assert_eq!(distinct, documented, "left: src/http/class.rs, right: the document");
    assert_eq!(classed.len(), distinct.len(), "an operation has two classes");
    assert_eq!(TABLE.iter().map(|(class, _)| *class).collect::<Vec<_>>(), Class::ALL);
}

#[test]
fn what_must_always_come_through_does_and_staff_look_last() {
    for operation in operations() {
        let class = of_operation(&operation.id).expect("a class");
        let is_vital = operation.path.starts_with("/callback/") || ["/healthz", "/readyz"].contains(&&*operation.path);
        assert_eq!(class == Class::Vital, is_vital, "{}", operation.id);
        if operation.id.starts_with("staff.") && operation.method == reqwest::Method::GET {
            assert_eq!(class, Class::Bulk, "{}", operation.id);
        }
    }
}
