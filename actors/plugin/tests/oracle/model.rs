//! What the host's functions do, said once more and as plainly as can be.
//!
//! Owns a naive model of one call: blocks in a map, every rule of the contract in a line or two. It
//! knows beside what this host does whether Extism is bound to do the same ([`Model::is_common`]):
//! offsets outside a block, blocks given away and what was never written are nobody's contract.

use std::collections::{BTreeMap, BTreeSet};

use super::Outcome;
use super::program::{Op, Place, Program};
use crate::plugin::Limits;
use crate::plugin::log_lines::presentable;

/// What a block and a variable cost beyond their content.
const OVERHEAD_BYTES: usize = 64;
/// What the hosts count differently is left well below the limit.
const COMMON_VARIABLE_BYTES: usize = 1_000;
const PAGE_BYTES: usize = 64 * 1024;

/// One call, so far.
pub(super) struct Model {
    limits: Limits,
    config: BTreeMap<String, String>,
    input: (u64, u64),
    blocks: BTreeMap<u64, Vec<u8>>,
    freed: Vec<u64>,
    made: u64,
    bytes: usize,
    output: Option<(u64, u64)>,
    error: Option<u64>,
    variables: BTreeMap<Vec<u8>, Vec<u8>>,
    handles: Vec<u64>,
    /// Handles whose block the guest freed or gave to the host.
    gone: BTreeSet<usize>,
    /// What the guest was answered.
    pub(super) trace: Vec<u64>,
}

impl Model {
    pub(super) fn new(limits: Limits, config: &BTreeMap<String, String>, input: &str) -> Self {
        let mut model = Self {
            limits,
            config: config.clone(),
            input: (0, 0),
            blocks: BTreeMap::new(),
            freed: Vec::new(),
            made: 0,
            bytes: 0,
            output: None,
            error: None,
            variables: BTreeMap::new(),
            handles: Vec::new(),
            gone: BTreeSet::new(),
            trace: Vec::new(),
        };
        let input = input.as_bytes().to_vec();
        let length = input.len() as u64;
        let address = model.store(input).expect("the input fits");
        model.input = (address, length);
        model
    }

    /// What this host does, and what it answers goes into the trace; or how it ends the guest.
    pub(super) fn step(&mut self, op: &Op) -> Result<(), Outcome> {
        let answered = match *op {
            Op::Alloc(length, fill) => {
                let content = fill.content(length);
                let kept = usize::try_from(length).ok().filter(|kept| *kept < 1 << 30);
                let address = match (content, kept) {
                    (Some(content), _) => self.store(content)?,
                    (None, Some(kept)) => self.store(vec![0; kept])?,
                    (None, None) => return Err(Outcome::Memory),
                };
                self.handles.push(address);
                u64::from(address != 0)
            }
            Op::Free(at) => {
                let address = self.address(at);
                if address != 0 {
                    let freed = self.blocks.remove(&address).ok_or_else(|| stop("free"))?;
                    self.bytes -= freed.len() + OVERHEAD_BYTES;
                    self.freed.push(address);
                    self.lose(at);
                }
                return Ok(());
            }
            Op::Length(at) | Op::LengthUnsafe(at) => {
                let block = self.blocks.get(&self.address(at));
                block.map_or(0, |block| block.len() as u64)
            }
            Op::LoadU8(at) => u64::from(self.read::<1>(at, "load_u8")?[0]),
            Op::LoadU64(at) => u64::from_le_bytes(self.read::<8>(at, "load_u64")?),
            Op::StoreU8(at, byte) => return self.write(at, &byte.to_le_bytes()[..1], "store_u8"),
            Op::StoreU64(at, word) => return self.write(at, &word.to_le_bytes(), "store_u64"),
            Op::InputLength => self.input.1,
            Op::InputOffset => {
                self.handles.push(self.input.0);
                u64::from(self.input.0 != 0)
            }
            Op::InputU8(from) => u64::from(self.input::<1>(from, "input_load_u8")?[0]),
            Op::InputU64(from) => u64::from_le_bytes(self.input::<8>(from, "input_load_u64")?),
            Op::Output(at, length) => return self.set_output(self.address(at), length),
            Op::Error(at) => return self.set_error(self.address(at)),
            Op::Config(key) => {
                let key = self.named(key, "config_get")?;
                let value = str::from_utf8(&key)
                    .ok()
                    .and_then(|key| self.config.get(key));
                let value = value.map(|value| value.clone().into_bytes());
                self.hand_out(value)?
            }
            Op::Get(name) => {
                let name = self.named(name, "var_get")?;
                let value = self.variables.get(&name).cloned();
                self.hand_out(value)?
            }
            Op::Set(name, value) => {
                let content = self.named(name, "var_set")?;
                let value = match self.address(value) {
                    0 => None,
                    _ => Some(self.named(value, "var_set")?),
                };
                return self.set_variable(content, value);
            }
            Op::Log(_, at) if self.address(at) == 0 => return Ok(()),
            Op::Log(level, at) => return self.named(at, level.function()).map(drop),
            // Nobody listens.
            Op::LogLevel => i32::MAX as u64,
        };
        self.trace.push(answered);
        Ok(())
    }

    /// Whether Extism, too, is bound to do what [`Self::step`] says next.
    pub(super) fn is_common(&self, op: &Op) -> bool {
        let start = |at: Place| at.add == 0 && self.holds(at, 0);
        let spare = |at: Place| start(at) && !self.is_marked(at);
        let text = |at: Place| {
            let block = self.blocks.get(&self.address(at));
            block.is_some_and(|block| str::from_utf8(block).is_ok())
        };
        match *op {
            Op::Alloc(length, fill) => fill.content(length).is_some_and(|all| all.len() <= 1_024),
            Op::Free(at) => at.is_null() || spare(at),
            Op::Length(at) => at.is_null() || self.holds(at, 1),
            Op::LengthUnsafe(at) => at.is_null() || start(at),
            Op::LoadU8(at) | Op::StoreU8(at, _) => self.holds(at, 1),
            Op::LoadU64(at) | Op::StoreU64(at, _) => self.holds(at, 8),
            Op::InputLength | Op::InputOffset | Op::LogLevel => true,
            Op::InputU8(from) => from < self.input.1,
            Op::InputU64(from) => from.checked_add(8).is_some_and(|end| end <= self.input.1),
            Op::Output(at, length) => self.holds(at, length),
            Op::Error(at) => at.is_null() || start(at),
            Op::Config(key) | Op::Get(key) => spare(key) && text(key),
            Op::Set(name, value) => {
                let size = |at: Place| self.blocks.get(&self.address(at)).map_or(0, Vec::len);
                let held: usize = self
                    .variables
                    .iter()
                    .map(|(k, v)| k.len() + v.len() + 64)
                    .sum();
                let total = held + size(name) + size(value) + 64;
                let others = self.address(name) != self.address(value);
                let valued = value.is_null() || spare(value);
                spare(name) && text(name) && valued && others && total < COMMON_VARIABLE_BYTES
            }
            Op::Log(_, at) => at.is_null() || spare(at),
        }
    }

    /// Extism takes back what it is given as a key, a value or a line.
    pub(super) fn give_away(&mut self, op: &Op) {
        match *op {
            Op::Config(at) | Op::Get(at) | Op::Log(_, at) => self.lose(at),
            Op::Set(name, value) => {
                self.lose(name);
                self.lose(value);
            }
            _ => {}
        }
    }

    /// How a call ends that nothing stopped.
    pub(super) fn finish(mut self, program: &Program) -> Outcome {
        if program.tells_trace() {
            let told: Vec<u8> = self.trace.iter().flat_map(|word| letters(*word)).collect();
            let length = told.len() as u64;
            let set = self
                .store(told)
                .and_then(|block| self.set_output(block, length));
            if let Err(end) = set {
                return end;
            }
        }
        let code = program.code;
        if code != 0 || self.error.is_some() {
            let said = self.error.and_then(|at| self.blocks.get(&at));
            let text = said.and_then(|said| presentable(said)).unwrap_or_default();
            return Outcome::Failed { code, text };
        }
        let output = match self.output {
            None | Some((_, 0)) => Vec::new(),
            Some((at, length)) => match self.part(at, length) {
                Some(part) => part.to_vec(),
                None => return stop("output_set"),
            },
        };
        Outcome::Output(output).into_text()
    }

    fn address(&self, at: Place) -> u64 {
        let base = at
            .handle
            .and_then(|handle| self.handles.get(handle).copied());
        base.unwrap_or(0).wrapping_add(at.add)
    }

    /// Whether the place and so many bytes after it are in a block that is the guest's own.
    fn holds(&self, at: Place, length: u64) -> bool {
        let Some(handle) = at.handle else {
            return false;
        };
        let block = self
            .handles
            .get(handle)
            .and_then(|start| self.blocks.get(start));
        let end = at.add.checked_add(length);
        let inside = block.is_some_and(|block| end.is_some_and(|end| end <= block.len() as u64));
        inside && !self.gone.contains(&handle)
    }

    /// Whether the block is the input, the output or the error.
    fn is_marked(&self, at: Place) -> bool {
        let address = self.address(at);
        let within = |place: u64| self.start_of(place) == Some(address);
        address == self.input.0
            || self.output.is_some_and(|(place, _)| within(place))
            || self.error.is_some_and(within)
    }

    fn start_of(&self, place: u64) -> Option<u64> {
        self.blocks
            .range(..=place)
            .next_back()
            .map(|(start, _)| *start)
    }

    /// The block is no longer the guest's, under whichever handle.
    fn lose(&mut self, at: Place) {
        let address = self.address(at);
        let handles = self.handles.iter().enumerate();
        let same = handles.filter(|(_, handle)| **handle == address);
        self.gone.extend(same.map(|(handle, _)| handle));
    }

    fn store(&mut self, content: Vec<u8>) -> Result<u64, Outcome> {
        if content.is_empty() {
            return Ok(0);
        }
        let price = content.len() + OVERHEAD_BYTES;
        if PAGE_BYTES + self.bytes + price > self.limits.memory_bytes {
            return Err(Outcome::Memory);
        }
        self.bytes += price;
        let address = self.freed.pop().unwrap_or_else(|| {
            self.made += 1;
            self.made << 32
        });
        self.blocks.insert(address, content);
        Ok(address)
    }

    fn hand_out(&mut self, content: Option<Vec<u8>>) -> Result<u64, Outcome> {
        let content = content.unwrap_or_default();
        let sum = sum(&content);
        let address = self.store(content)?;
        self.handles.push(address);
        Ok(sum)
    }

    fn part(&self, at: u64, length: u64) -> Option<&[u8]> {
        let start = self.start_of(at)?;
        let from = usize::try_from(at - start).ok()?;
        let to = from.checked_add(usize::try_from(length).ok()?)?;
        self.blocks.get(&start)?.get(from..to)
    }

    fn read<const N: usize>(&self, at: Place, function: &str) -> Result<[u8; N], Outcome> {
        let part = self.part(self.address(at), N as u64);
        part.map(|part| part.try_into().unwrap())
            .ok_or_else(|| stop(function))
    }

    fn input<const N: usize>(&self, from: u64, function: &str) -> Result<[u8; N], Outcome> {
        let inside = from
            .checked_add(N as u64)
            .is_some_and(|end| end <= self.input.1);
        let part = inside
            .then(|| self.part(self.input.0 + from, N as u64))
            .flatten();
        part.map(|part| part.try_into().unwrap())
            .ok_or_else(|| stop(function))
    }

    fn write(&mut self, at: Place, bytes: &[u8], function: &str) -> Result<(), Outcome> {
        let address = self.address(at);
        self.part(address, bytes.len() as u64)
            .ok_or_else(|| stop(function))?;
        let start = self.start_of(address).unwrap();
        let from = usize::try_from(address - start).unwrap();
        let block = self.blocks.get_mut(&start).unwrap();
        block[from..from + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    fn named(&self, at: Place, function: &str) -> Result<Vec<u8>, Outcome> {
        let block = self.blocks.get(&self.address(at));
        block.cloned().ok_or_else(|| stop(function))
    }

    fn set_output(&mut self, at: u64, length: u64) -> Result<(), Outcome> {
        if length > self.limits.output_bytes as u64 {
            return Err(Outcome::TooLong);
        }
        if length > 0 && self.part(at, length).is_none() {
            return Err(stop("output_set"));
        }
        self.output = Some((at, length));
        Ok(())
    }

    fn set_error(&mut self, at: u64) -> Result<(), Outcome> {
        if at != 0 && !self.blocks.contains_key(&at) {
            return Err(stop("error_set"));
        }
        self.error = (at != 0).then_some(at);
        Ok(())
    }

    fn set_variable(&mut self, name: Vec<u8>, value: Option<Vec<u8>>) -> Result<(), Outcome> {
        let mut next = self.variables.clone();
        match value {
            Some(value) => next.insert(name, value),
            None => next.remove(&name),
        };
        let total: usize = next
            .iter()
            .map(|(k, v)| k.len() + v.len() + OVERHEAD_BYTES)
            .sum();
        if total > self.limits.variable_bytes {
            return Err(Outcome::Variables);
        }
        self.variables = next;
        Ok(())
    }
}

fn stop(function: &str) -> Outcome {
    Outcome::Stopped(function.to_owned())
}

/// A number as sixteen letters, the least first: a trace has to be text.
fn letters(word: u64) -> [u8; 16] {
    std::array::from_fn(|place| b'a' + u8::try_from(word >> (4 * place) & 15).unwrap())
}

/// What a guest tells of a block it was handed: its length and its bytes in one number.
fn sum(content: &[u8]) -> u64 {
    let length = content.len() as u64;
    let step = |sum: u64, byte: &u8| sum.wrapping_mul(31).wrapping_add(u64::from(*byte));
    content.iter().fold(length, step)
}
