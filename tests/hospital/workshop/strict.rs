//! What the workshop does not let pass for proof: nothing attacked, a case that is not read, a
//! grant that is none, an import nobody was asked for.

use super::{Shop, changed};

#[test]
fn an_attack_that_would_prove_nothing_is_refused() {
    let shop = Shop::open();
    let attack = "target/debug/plantao plugin attack";
    let manifest = "name = \"a\"\nversion = \"1.0.0\"\nfunctions = ";
    let nothing = module("", &format!("{manifest}[]\n"));
    std::fs::write(shop.path("nothing.wasm"), nothing).unwrap();
    let (_, said) = shop.refusal(&format!("{attack} nothing.wasm"));
    assert!(
        said.contains("no function that could be attacked"),
        "{said}"
    );
    let missing = module("", &format!("{manifest}[\"analyze\"]\n"));
    std::fs::write(shop.path("missing.wasm"), missing).unwrap();
    let (_, said) = shop.refusal(&format!("{attack} missing.wasm"));
    assert!(
        said.contains("0 answered, 0 refused, 44 broke it"),
        "{said}"
    );
    assert!(said.contains("has no function `analyze`"), "{said}");
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
    assert!(
        said.contains("FAILED  the operator says what is long"),
        "{said}"
    );
    let unknown = format!("{config}\ngrants = [\"phi:row\"]");
    changed(&shop, "unknown", case, config, &unknown);
    let (_, said) = shop.refusal(&format!("{test} unknown"));
    assert!(said.contains("`grants` has `phi:row`"), "{said}");
}

#[test]
fn check_refuses_a_module_that_imports_what_its_manifest_does_not_ask_for() {
    let shop = Shop::open();
    let import = r#"(import "extism:host/env" "log_info" (func (param i64)))"#;
    let asking = |capabilities: &str| {
        let manifest = format!(
            "name = \"quiet\"\nversion = \"1.0.0\"\nfunctions = []\n\
             capabilities = [{capabilities}]\n"
        );
        std::fs::write(shop.path("quiet.wasm"), module(import, &manifest)).unwrap();
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
