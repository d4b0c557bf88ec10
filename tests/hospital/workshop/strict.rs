//! What the workshop does not let pass for proof: nothing attacked, a case that is not read, a
//! grant that is none, an import nobody was asked for.

use super::{Shop, changed};

#[test]
fn an_attack_that_would_prove_nothing_is_refused() {
    let shop = Shop::open();
    let attack = "target/debug/plantao plugin attack";
    let nothing = wat::parse_str("(module)").unwrap();
    std::fs::write(shop.path("nothing.wasm"), nothing).unwrap();
    let (_, said) = shop.refusal(&format!("{attack} nothing.wasm"));
    assert!(
        said.contains("no function that could be attacked"),
        "{said}"
    );
    let manifest = "name = \"a\"\nversion = \"1.0.0\"\nfunctions = [\"analyze\"]\n";
    std::fs::write(shop.path("missing.wasm"), module("", manifest)).unwrap();
    let (_, said) = shop.refusal(&format!("{attack} missing.wasm"));
    assert!(said.contains("`analyze`"), "{said}");
    let case = "cases/first.toml";
    changed(&shop, "half-read", case, "[[case]]", "[[case");
    let (_, said) = shop.refusal(&format!("{attack} half-read"));
    assert!(said.contains(case), "{said}");
}

#[test]
fn a_case_s_grants_are_applied_or_refused_by_name() {
    let shop = Shop::open();
    let config = "config = { long_sentence = \"3\" }";
    let withheld = format!("{config}\ngrants = [\"log\"]");
    let case = "cases/first.toml";
    changed(&shop, "withheld", case, config, &withheld);
    let test = "target/debug/plantao plugin test";
    let (_, said) = shop.refusal(&format!("{test} withheld"));
    assert!(said.contains("config:long_sentence"), "{said}");
    let unknown = format!("{config}\ngrants = [\"phi:row\"]");
    changed(&shop, "unknown", case, config, &unknown);
    let (_, said) = shop.refusal(&format!("{test} unknown"));
    assert!(said.contains("`grants` has `phi:row`"), "{said}");
}

#[test]
fn a_case_that_takes_more_instructions_than_it_may_fails_with_how_many() {
    let shop = Shop::open();
    let expected = "log = [\"INFO analyzed words=10 long=0\"]";
    let case = "cases/first.toml";
    let budget = |most: u32| format!("{expected}, instructions_max = {most}");
    changed(&shop, "frugal", case, expected, &budget(100_000_000));
    let test = "target/debug/plantao plugin test";
    shop.must(&format!("{test} frugal"));
    changed(&shop, "spendthrift", case, expected, &budget(10));
    let (_, said) = shop.refusal(&format!("{test} spendthrift"));
    assert!(said.contains("- at most 10 instructions"), "{said}");
    assert!(said.contains("1 of 4 cases failed"), "{said}");
}

#[test]
fn check_refuses_a_module_that_imports_what_its_manifest_does_not_ask_for() {
    let shop = Shop::open();
    let fields = r#"(import "extism:host/env" "log_info" (func (param i64)))
        (func (export "run"))"#;
    let asking = |capabilities: &str| {
        let manifest = format!(
            "name = \"quiet\"\nversion = \"1.0.0\"\nfunctions = [\"run\"]\n\
             capabilities = [{capabilities}]\n"
        );
        std::fs::write(shop.path("quiet.wasm"), module(fields, &manifest)).unwrap();
    };
    let check = "target/debug/plantao plugin check quiet.wasm";
    asking("");
    let (code, said) = shop.refusal(check);
    assert_eq!(code, Some(1), "{said}");
    let reason = "imports `extism:host/env::log_info` and its manifest does not ask for `log`";
    assert!(said.contains(reason), "{said}");
    asking("\"log\"");
    assert!(shop.must(check).contains("the host takes it"));
}

/// A module without code: these fields, and this manifest.
fn module(fields: &str, manifest: &str) -> Vec<u8> {
    let manifest = manifest.replace('\\', "\\\\").replace('"', "\\\"");
    let manifest = manifest.replace('\n', "\\n");
    let carried = format!("(@custom \"plantao.manifest\" \"{manifest}\")");
    wat::parse_str(format!("(module {fields} {carried})")).unwrap()
}
