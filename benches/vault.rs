//! Sealing and opening one value of 64 bytes, beside bare AES-256-GCM of the same library.
//!
//! The peer is aws-lc-rs itself in the same run: one key, one buffer that is there already, a
//! random nonce, the same associated data ready made. Ours makes the associated data from tenant,
//! table, column, row and key version, draws its nonce, makes the value that is stored, and wipes
//! what it opened. Target: a seal and an open within a microsecond. Times are of this machine; the
//! ratio is what can be compared.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use plantao_actors::database::Scope;
use plantao_actors::vault::{
    Asked, DataKey, Found, KeyStore, KeySubject, MasterKeySource, Place, RecordBody, Vault,
    WrappedDataKey, WrappedTenantKey, vault_child,
};
use plantao_schema::id::Tenant;
use plantao_supervisors::{Intensity, Strategy, SupervisorSpec, Tree};
use std::hint::black_box;
use std::sync::Mutex;
use std::time::{Duration, Instant};

const VALUE: [u8; 64] = [0x5a; 64];
const ROW: &str = "Observation/glicemia-exemplo/1";
const ROUNDS: usize = 9;
const EACH: u32 = 50_000;
const TARGET: Duration = Duration::from_micros(1);

/// Wrapped keys in memory: what a key is made of before it is measured.
#[derive(Default)]
struct Keys(Mutex<Found>);

impl KeyStore for Keys {
    fn find<'a>(&'a self, _: &'a Scope, _: &'a str, _: Option<i32>) -> Asked<'a, Found> {
        let found = self.0.lock().expect("a lock").clone();
        Box::pin(async { Ok(found) })
    }

    fn add_tenant_key<'a>(&'a self, _: &'a Scope, key: &'a WrappedTenantKey) -> Asked<'a, bool> {
        self.0.lock().expect("a lock").tenant_key = Some(key.clone());
        Box::pin(async { Ok(true) })
    }

    fn add<'a>(&'a self, _: &'a Scope, _: &'a Place, key: &'a WrappedDataKey) -> Asked<'a, bool> {
        self.0.lock().expect("a lock").key = Some(key.clone());
        Box::pin(async { Ok(true) })
    }
}

/// A key as a record store has it in hand.
async fn key_in_hand(tenant: &Tenant) -> DataKey {
    let (vault, store) = (Vault::new(), Keys::default());
    let once = Intensity::new(1, Duration::from_secs(5));
    let child = vault_child(&vault, MasterKeySource::held([7; 32]));
    let spec = SupervisorSpec::new(Strategy::OneForOne, once).child(child);
    let tree = Tree::start("bench", spec).await.expect("a keeper");
    let scope = Scope::system(tenant.clone());
    let key = vault.data_key(&store, &scope, &KeySubject::Directory).await;
    tree.shutdown().await;
    key.expect("a key")
}

fn main() {
    let tenant = Tenant::parse("demo").expect("a tenant");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let key = runtime.block_on(key_in_hand(&tenant));
    println!("seal and open of 64 bytes, AES-256-GCM with associated data");
    // By turns, so that both meet the same machine; the best of each, which others disturb least.
    let (mut ours, mut bare) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        ours = ours.min(sealed_and_opened(&key, &tenant));
        bare = bare.min(library());
    }
    let ns = |time: Duration| time.as_secs_f64() * 1e9;
    println!("  vault        {:>7.0} ns", ns(ours));
    println!("  aws-lc-rs    {:>7.0} ns, bare", ns(bare));
    println!(
        "  the vault takes {:.2}x of the bare cipher",
        ns(ours) / ns(bare)
    );
    let met = if ours <= TARGET { "met" } else { "missed" };
    println!("  target of {} ns: {met}", TARGET.as_nanos());
}

/// What a record goes through.
fn sealed_and_opened(key: &DataKey, tenant: &Tenant) -> Duration {
    timed(|| {
        let sealed = key.seal::<RecordBody>(tenant, ROW, black_box(&VALUE));
        let sealed = sealed.expect("seals");
        let opened = key.open::<RecordBody>(tenant, ROW, sealed.as_bytes());
        assert_eq!(opened.expect("opens").len(), VALUE.len());
    })
}

/// The cipher alone.
fn library() -> Duration {
    let random = SystemRandom::new();
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[7; 32]).expect("a key"));
    let place = [0x11; 96];
    let mut buffer = Vec::with_capacity(VALUE.len() + AES_256_GCM.tag_len());
    timed(move || {
        let mut nonce = [0; 12];
        random.fill(&mut nonce).expect("random");
        buffer.clear();
        buffer.extend_from_slice(black_box(&VALUE));
        let seal = Nonce::assume_unique_for_key(nonce);
        key.seal_in_place_append_tag(seal, Aad::from(&place), &mut buffer)
            .expect("seals");
        let open = Nonce::assume_unique_for_key(nonce);
        let opened = key.open_in_place(open, Aad::from(&place), &mut buffer);
        assert_eq!(opened.expect("opens").len(), VALUE.len());
    })
}

fn timed(mut once: impl FnMut()) -> Duration {
    for _ in 0..EACH / 10 {
        once();
    }
    let begun = Instant::now();
    for _ in 0..EACH {
        once();
    }
    begun.elapsed() / EACH
}
