//! Passwords as Argon2id hashes, a few at a time, off the reactor.
//!
//! A name without an account is checked against a decoy of the same cost, so that the work tells
//! nobody which names exist. Each hash fills 19 MiB for some 20 ms: two at a time leave the machine
//! to its patients, and a bounded queue before them turns a flood into refusals.

use super::LogInError;
use crate::entropy::Entropy;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Fewest characters of a new password: two factors let in, one of them this.
pub const PASSWORD_MIN_CHARS: usize = 12;

/// Most bytes of any password. Whatever is longer is nobody's.
pub const PASSWORD_MAX_BYTES: usize = 1_024;

/// OWASP's recommendation for Argon2id: 19 MiB, 2 passes, 1 lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const SALT_BYTES: usize = 16;

/// Hashes computed at a time.
const AT_ONCE: usize = 2;

/// Attempts that may wait for a turn: under a second of work.
const WAITING_MAX: usize = 32;

/// The longest wait for a turn.
const TURN_DEADLINE: Duration = Duration::from_secs(5);

/// Of no password: nobody knows one whose hash is all zeros.
const DECOY: &str = "$argon2id$v=19$m=19456,t=2,p=1$cGxhbnRhby1kZWNveS1zYQ$\
     AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Where hashes wait for their turn. Clones share it.
#[derive(Clone)]
pub(super) struct Passwords {
    turns: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

/// The right to compute one hash. Kept until it is computed, whatever becomes of the caller.
pub(super) struct Turn(#[expect(dead_code, reason = "held, not read")] [OwnedSemaphorePermit; 2]);

impl Passwords {
    pub(super) fn new() -> Self {
        Self {
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            places: Arc::new(Semaphore::new(AT_ONCE + WAITING_MAX)),
        }
    }

    /// Waits for a turn.
    pub(super) async fn turn(&self) -> Result<Turn, LogInError> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| LogInError::Overloaded)?;
        let turn = Arc::clone(&self.turns).acquire_owned();
        match tokio::time::timeout(TURN_DEADLINE, turn).await {
            Ok(Ok(turn)) => Ok(Turn([turn, place])),
            Ok(Err(_)) | Err(_) => Err(LogInError::Overloaded),
        }
    }
}

/// Whether the password is the one that was hashed; without a hash it never is, at the same cost.
pub(super) async fn matches(
    turn: Turn,
    password: SecretString,
    hashed: Option<String>,
) -> Result<bool, LogInError> {
    let work = move || {
        let _turn = turn;
        let known = hashed.is_some();
        let given = password.expose_secret().as_bytes();
        let (given, fits) = match given.get(..PASSWORD_MAX_BYTES) {
            Some(start) if given.len() > PASSWORD_MAX_BYTES => (start, false),
            _ => (given, true),
        };
        let hash = PasswordHash::new(hashed.as_deref().unwrap_or(DECOY));
        let hash = hash.map_err(|_| LogInError::Internal)?;
        let right = hasher()?.verify_password(given, &hash).is_ok();
        Ok(right & known & fits)
    };
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| LogInError::Internal)?
}

/// The hash of a new password, as a PHC string.
pub(super) async fn hash(
    turn: Turn,
    password: SecretString,
    entropy: &Entropy,
) -> Result<String, LogInError> {
    let mut salt = [0; SALT_BYTES];
    entropy.fill(&mut salt)?;
    let work = move || {
        let _turn = turn;
        let given = password.expose_secret().as_bytes();
        let hashed = hasher()?.hash_password_with_salt(given, &salt);
        let hashed = hashed.map_err(|_| LogInError::Internal)?;
        Ok(hashed.to_string())
    };
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| LogInError::Internal)?
}

/// Refuses a new password that is too short or too long.
pub(super) fn acceptable(password: &SecretString) -> Result<(), LogInError> {
    let text = password.expose_secret();
    if text.len() > PASSWORD_MAX_BYTES || text.chars().count() < PASSWORD_MIN_CHARS {
        return Err(LogInError::BadPassword);
    }
    Ok(())
}

fn hasher() -> Result<Argon2<'static>, LogInError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None);
    let params = params.map_err(|_| LogInError::Internal)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIGHT: &str = "correto cavalo bateria grampo";

    async fn check(passwords: &Passwords, given: &str, hashed: Option<String>) -> bool {
        let turn = passwords.turn().await.unwrap();
        matches(turn, given.into(), hashed).await.unwrap()
    }

    #[tokio::test]
    async fn the_right_password_matches_its_hash_and_nothing_matches_the_decoy() {
        let passwords = Passwords::new();
        let turn = passwords.turn().await.unwrap();
        let hashed = hash(turn, RIGHT.into(), &Entropy::system()).await.unwrap();
        assert!(
            hashed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hashed}"
        );
        let turn = passwords.turn().await.unwrap();
        let again = hash(turn, RIGHT.into(), &Entropy::system()).await.unwrap();
        assert_ne!(hashed, again, "each has its own salt");
        assert!(check(&passwords, RIGHT, Some(hashed.clone())).await);
        assert!(!check(&passwords, "correto cavalo", Some(hashed.clone())).await);
        assert!(!check(&passwords, "", Some(hashed)).await);
        assert!(!check(&passwords, RIGHT, None).await);
    }

    #[tokio::test]
    async fn what_is_longer_than_any_password_matches_nothing_not_even_its_own_start() {
        let passwords = Passwords::new();
        let longest = "x".repeat(PASSWORD_MAX_BYTES);
        let turn = passwords.turn().await.unwrap();
        let hashed = hash(turn, longest.clone().into(), &Entropy::system())
            .await
            .unwrap();
        assert!(check(&passwords, &longest, Some(hashed.clone())).await);
        let longer = format!("{longest}y");
        assert!(!check(&passwords, &longer, Some(hashed)).await);
    }

    #[tokio::test(start_paused = true)]
    async fn two_have_a_turn_some_wait_and_the_rest_are_refused_at_once() {
        let passwords = Passwords::new();
        let mut turns = Vec::new();
        for _ in 0..AT_ONCE {
            turns.push(passwords.turn().await.unwrap());
        }
        let mut waiting = Vec::new();
        for _ in 0..WAITING_MAX {
            let passwords = passwords.clone();
            waiting.push(tokio::spawn(
                async move { passwords.turn().await.map(drop) },
            ));
            tokio::task::yield_now().await;
        }
        let refused = passwords.turn().await.map(drop);
        assert_eq!(refused, Err(LogInError::Overloaded));
        drop(turns.pop());
        assert_eq!(waiting.remove(0).await.unwrap(), Ok(()));
        for one in waiting {
            assert_eq!(one.await.unwrap(), Ok(()), "each gives its turn on");
        }
        let last = passwords.turn().await.unwrap();
        let late = passwords.turn().await.map(drop);
        assert_eq!(late, Err(LogInError::Overloaded), "nobody waits for ever");
        drop(last);
    }

    #[test]
    fn a_new_password_has_twelve_characters_and_a_bounded_length() {
        let check = |text: &str| acceptable(&text.into());
        assert_eq!(check("onze letras"), Err(LogInError::BadPassword));
        assert_eq!(check("doze letras!"), Ok(()));
        assert_eq!(check(&"ã".repeat(12)), Ok(()));
        let long = "x".repeat(PASSWORD_MAX_BYTES + 1);
        assert_eq!(check(&long), Err(LogInError::BadPassword));
    }
}
