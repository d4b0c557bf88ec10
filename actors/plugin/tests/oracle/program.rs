//! Random sequences of host calls, and the guest that makes them.
//!
//! Owns the steps, how they are drawn from a seed, and their text as WebAssembly. What the host
//! answers a guest is kept in the guest's memory; in the end it hands that over as its output, in
//! letters, unless the sequence set an output of its own.

use std::fmt::Write;

use super::model::Model;

/// Steps that are drawn for one sequence at most; not all are taken.
const STEPS_MAX: u64 = 160;
/// Texts a block may be filled with: keys that are configured, a name that is not text.
pub(super) const WORDS: [&[u8]; 6] = [
    b"idioma",
    b"vazio",
    "ç".as_bytes(),
    b"a",
    b"outra",
    b"\xff\xfe",
];
/// Where they are in the guest's memory, 16 bytes each; what was answered is below.
const WORDS_AT: usize = 32 * 1024;

/// An address as a guest comes by one: something the host gave it, and a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) handle: Option<usize>,
    pub(super) add: u64,
}

impl Place {
    const NULL: Self = Self {
        handle: None,
        add: 0,
    };

    pub(super) fn is_null(self) -> bool {
        self == Self::NULL
    }
}

/// What a new block is filled with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fill {
    Nothing,
    Byte(u8),
    Word(usize),
}

impl Fill {
    /// All of it, where the guest fills it.
    pub(super) fn content(self, length: u64) -> Option<Vec<u8>> {
        match self {
            Self::Nothing => None,
            Self::Byte(byte) => Some(vec![byte; usize::try_from(length).unwrap()]),
            Self::Word(word) => Some(WORDS[word].to_vec()),
        }
    }
}

/// A level of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Level(usize);

impl Level {
    const FUNCTIONS: [&str; 5] = [
        "log_trace",
        "log_debug",
        "log_info",
        "log_warn",
        "log_error",
    ];

    pub(super) fn function(self) -> &'static str {
        Self::FUNCTIONS[self.0]
    }
}

/// One call of a host function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Alloc(u64, Fill),
    Free(Place),
    Length(Place),
    LengthUnsafe(Place),
    LoadU8(Place),
    LoadU64(Place),
    StoreU8(Place, u32),
    StoreU64(Place, u64),
    InputLength,
    InputOffset,
    InputU8(u64),
    InputU64(u64),
    Output(Place, u64),
    Error(Place),
    Config(Place),
    Get(Place),
    Set(Place, Place),
    Log(Level, Place),
    LogLevel,
}

/// A sequence and the code its guest returns.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) ops: Vec<Op>,
    pub(super) code: i32,
    own_output: bool,
    traced: usize,
}

/// Where numbers come from: the same for the same seed on any machine (splitmix64).
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    pub(super) fn below(&mut self, most: u64) -> u64 {
        self.word() % most
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }

    fn place(&mut self, handles: usize, wild: bool) -> Place {
        let handle = (handles > 0 && self.below(12) > 0)
            .then(|| usize::try_from(self.below(handles as u64)).unwrap());
        let wild = wild && self.below(8) == 0;
        let add = match (self.below(4), wild) {
            (_, true) => match self.below(3) {
                0 => self.pick(&[7, 8, 1 << 31, (1 << 32) - 1, 1 << 32, 2 << 32, u64::MAX]),
                1 => self.below(64).wrapping_neg(),
                _ => self.word(),
            },
            (0, _) => self.below(24),
            _ => 0,
        };
        Place { handle, add }
    }

    fn length(&mut self, wild: bool) -> u64 {
        match self.below(10) {
            0 => 0,
            1 if wild && self.below(4) == 0 => {
                self.pick(&[1 << 20, 1 << 32, 1 << 48, u64::MAX, u64::MAX - 63])
            }
            2 => self.below(1_024),
            _ => self.below(24),
        }
    }

    /// One step, or a name and what is done under it, the last first.
    fn steps(&mut self, handles: usize, wild: bool) -> Vec<Op> {
        let mut op = self.op(handles, wild);
        let (Op::Config(name) | Op::Get(name) | Op::Set(name, _)) = &mut op else {
            return vec![op];
        };
        if self.below(4) == 0 {
            return vec![op];
        }
        *name = Place {
            handle: Some(handles),
            add: 0,
        };
        vec![op, self.named()]
    }

    fn named(&mut self) -> Op {
        // One comes often, so that variables are set and read again.
        let word = self.pick(&[0, 0, 0, 0, 1, 2, 3, 4, 5]);
        Op::Alloc(WORDS[word].len() as u64, Fill::Word(word))
    }

    fn op(&mut self, handles: usize, wild: bool) -> Op {
        let at = self.place(handles, wild);
        match self.below(24) {
            0..4 => match self.below(3) {
                0 => Op::Alloc(self.length(wild), Fill::Nothing),
                1 => Op::Alloc(self.below(300), Fill::Byte(self.pick(b"\0aZ\xc3\xff"))),
                _ => self.named(),
            },
            4 => Op::Free(at),
            5 => Op::Length(at),
            6 => Op::LengthUnsafe(at),
            7 | 8 => Op::LoadU8(at),
            9 | 10 => Op::LoadU64(at),
            11 => Op::StoreU8(at, u32::try_from(self.word() >> 32).unwrap()),
            12 => Op::StoreU64(at, self.word()),
            13 => Op::InputLength,
            14 => Op::InputOffset,
            15 => Op::InputU8(self.length(wild)),
            16 => Op::InputU64(self.length(wild)),
            17 => Op::Output(at, self.length(wild)),
            18 if self.below(16) == 0 => Op::Error(at),
            18 => Op::LogLevel,
            19 => Op::Config(at),
            20 => Op::Get(at),
            21 if self.below(2) == 0 => Op::Set(at, Place::NULL),
            21 | 22 => Op::Set(at, self.place(handles, wild)),
            _ => Op::Log(Level(usize::try_from(self.below(5)).unwrap()), at),
        }
    }
}

impl Program {
    /// Draws one that Extism is bound to run as this host does, or one of whatever offsets. Gives
    /// what the model says of it.
    pub(super) fn draw(dice: &mut Dice, mut model: Model, wild: bool) -> (Self, super::Outcome) {
        let mut program = Self {
            ops: Vec::new(),
            code: dice.pick(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 1, -1, i32::MIN]),
            own_output: false,
            traced: 0,
        };
        let mut handles = 0;
        let mut steps = Vec::new();
        for _ in 0..dice.below(STEPS_MAX) {
            let op = steps.pop().unwrap_or_else(|| {
                steps = dice.steps(handles, wild);
                steps.pop().unwrap()
            });
            // One wild step ends most guests: it is to come after others.
            let kept = wild && (matches!(op, Op::Alloc(..)) || dice.below(20) == 0);
            if !kept && !model.is_common(&op) {
                continue;
            }
            program.ops.push(op);
            let stepped = model.step(&op);
            if !wild {
                model.give_away(&op);
            }
            program.traced = model.trace.len();
            if let Err(end) = stepped {
                return (program, end);
            }
            handles += usize::from(op.hands_out());
        }
        program.own_output = dice.below(3) == 0;
        let end = model.finish(&program);
        (program, end)
    }

    /// Whether its output is what it was answered.
    pub(super) fn tells_trace(&self) -> bool {
        !self.own_output && self.traced > 0
    }

    /// The exported function that runs it.
    fn function(&self, name: &str) -> String {
        let (mut handle, mut answer) = (0, 0);
        let mut body = String::new();
        for op in &self.ops {
            let gives = matches!(
                op,
                Op::Alloc(..) | Op::InputOffset | Op::Config(_) | Op::Get(_)
            );
            let call = text(op);
            if gives {
                let told = match op {
                    Op::Config(_) | Op::Get(_) => format!("(call $sum (local.get $h{handle}))"),
                    _ => {
                        format!("(i64.extend_i32_u (i64.ne (local.get $h{handle}) (i64.const 0)))")
                    }
                };
                let keep = format!("(local.set $h{handle} {call})");
                writeln!(body, "{keep} (i64.store (i32.const {answer}) {told})").unwrap();
                handle += 1;
                answer += 8;
            } else if op.answers() {
                writeln!(body, "(i64.store (i32.const {answer}) {call})").unwrap();
                answer += 8;
            } else {
                writeln!(body, "{call}").unwrap();
            }
        }
        let tell = match self.tells_trace() {
            true => format!("(call $tell (i32.const {answer}))"),
            false => String::new(),
        };
        let mut locals = String::new();
        for handle in 0..handle {
            write!(locals, "(local $h{handle} i64) ").unwrap();
        }
        let code = self.code;
        format!(
            "(func (export \"{name}\") (result i32) {locals}\n{body}{tell} (i32.const {code}))\n"
        )
    }
}

impl Op {
    /// Whether what it answers is an address.
    fn hands_out(&self) -> bool {
        matches!(
            self,
            Self::Alloc(..) | Self::InputOffset | Self::Config(_) | Self::Get(_)
        )
    }

    fn answers(&self) -> bool {
        let silent = matches!(
            self,
            Self::Free(_)
                | Self::StoreU8(..)
                | Self::StoreU64(..)
                | Self::Output(..)
                | Self::Error(_)
                | Self::Set(..)
                | Self::Log(..)
        );
        !silent
    }
}

fn place(at: Place) -> String {
    let add = at.add.cast_signed();
    match at.handle {
        None => format!("(i64.const {add})"),
        Some(handle) => format!("(i64.add (local.get $h{handle}) (i64.const {add}))"),
    }
}

fn text(op: &Op) -> String {
    let long = |number: u64| format!("(i64.const {})", number.cast_signed());
    let wide = |call: String| format!("(i64.extend_i32_u {call})");
    match *op {
        Op::Alloc(length, Fill::Nothing) => format!("(call $alloc {})", long(length)),
        Op::Alloc(length, Fill::Byte(byte)) => {
            format!("(call $filled {} (i32.const {byte}))", long(length))
        }
        Op::Alloc(length, Fill::Word(word)) => {
            let from = WORDS_AT + 16 * word;
            format!("(call $copied (i32.const {from}) {})", long(length))
        }
        Op::Free(at) => format!("(call $free {})", place(at)),
        Op::Length(at) => format!("(call $length {})", place(at)),
        Op::LengthUnsafe(at) => format!("(call $length_unsafe {})", place(at)),
        Op::LoadU8(at) => wide(format!("(call $load_u8 {})", place(at))),
        Op::LoadU64(at) => format!("(call $load_u64 {})", place(at)),
        Op::StoreU8(at, byte) => {
            let byte = byte.cast_signed();
            format!("(call $store_u8 {} (i32.const {byte}))", place(at))
        }
        Op::StoreU64(at, word) => format!("(call $store_u64 {} {})", place(at), long(word)),
        Op::InputLength => "(call $input_length)".to_owned(),
        Op::InputOffset => "(call $input_offset)".to_owned(),
        Op::InputU8(from) => wide(format!("(call $input_load_u8 {})", long(from))),
        Op::InputU64(from) => format!("(call $input_load_u64 {})", long(from)),
        Op::Output(at, length) => format!("(call $output_set {} {})", place(at), long(length)),
        Op::Error(at) => format!("(call $error_set {})", place(at)),
        Op::Config(key) => format!("(call $config_get {})", place(key)),
        Op::Get(name) => format!("(call $var_get {})", place(name)),
        Op::Set(name, value) => format!("(call $var_set {} {})", place(name), place(value)),
        Op::Log(level, at) => format!("(call ${} {})", level.function(), place(at)),
        Op::LogLevel => wide("(call $get_log_level)".to_owned()),
    }
}

/// One module that exports each program, in their order, as `case0` and on.
pub(super) fn module(programs: &[Program]) -> Vec<u8> {
    let mut fields = String::from(super::guest::PRELUDE);
    for (word, bytes) in WORDS.iter().enumerate() {
        let text: String = bytes.iter().fold(String::new(), |mut text, byte| {
            write!(text, "\\{byte:02x}").unwrap();
            text
        });
        let at = WORDS_AT + 16 * word;
        writeln!(fields, "(data (i32.const {at}) \"{text}\")").unwrap();
    }
    for (number, program) in programs.iter().enumerate() {
        fields += &program.function(&format!("case{number}"));
    }
    crate::plugin::tests::guests::wasm(&fields)
}
