//! The closed list of limits that a plugin can pass.
//!
//! Owns their names: in error texts, as labels of metrics, in the trail. Each ends in its unit.

use std::fmt;

/// The limits a guest runs under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LimitKind {
    /// Linear memory and host blocks of one call together.
    MemoryBytes,
    /// Wall time of one call, instantiation included.
    TimeoutMs,
    /// Instructions of one call, by Wasmtime's measure: most cost one.
    Fuel,
    /// The guest's own stack.
    StackBytes,
    /// Input text of one call.
    InputBytes,
    /// Output of one call.
    OutputBytes,
    /// Elements of one table.
    TableElements,
    /// Names and values of ephemeral variables together, and what keeping them costs.
    VariableBytes,
    /// Host blocks alive at once.
    Blocks,
    /// Calls admitted at once, running and waiting.
    Calls,
    /// Size of the module file.
    ModuleBytes,
    /// Size of one function in it.
    FunctionBytes,
    /// Wall time of compiling the module.
    CompileMs,
    /// Processor time of compiling the module.
    CompileCpuS,
    /// Memory of compiling the module.
    CompileMemoryBytes,
    /// Size of the machine code made of it.
    ArtefactBytes,
}

impl LimitKind {
    /// Every one.
    pub const ALL: [Self; 16] = [
        Self::MemoryBytes,
        Self::TimeoutMs,
        Self::Fuel,
        Self::StackBytes,
        Self::InputBytes,
        Self::OutputBytes,
        Self::TableElements,
        Self::VariableBytes,
        Self::Blocks,
        Self::Calls,
        Self::ModuleBytes,
        Self::FunctionBytes,
        Self::CompileMs,
        Self::CompileCpuS,
        Self::CompileMemoryBytes,
        Self::ArtefactBytes,
    ];

    /// Its name as a label of metrics and in the trail.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MemoryBytes => "memory_bytes",
            Self::TimeoutMs => "timeout_ms",
            Self::Fuel => "fuel",
            Self::StackBytes => "stack_bytes",
            Self::InputBytes => "input_bytes",
            Self::OutputBytes => "output_bytes",
            Self::TableElements => "table_elements",
            Self::VariableBytes => "variable_bytes",
            Self::Blocks => "blocks",
            Self::Calls => "calls",
            Self::ModuleBytes => "module_bytes",
            Self::FunctionBytes => "function_bytes",
            Self::CompileMs => "compile_ms",
            Self::CompileCpuS => "compile_cpu_s",
            Self::CompileMemoryBytes => "compile_memory_bytes",
            Self::ArtefactBytes => "artefact_bytes",
        }
    }

    /// Whether it is passed before there is a guest.
    pub(super) const fn is_before_the_guest(self) -> bool {
        matches!(
            self,
            Self::InputBytes
                | Self::Calls
                | Self::ModuleBytes
                | Self::FunctionBytes
                | Self::CompileMs
                | Self::CompileCpuS
                | Self::CompileMemoryBytes
                | Self::ArtefactBytes
        )
    }
}

impl fmt::Display for LimitKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MemoryBytes => "bytes of memory",
            Self::TimeoutMs => "milliseconds of time",
            Self::Fuel => "instructions",
            Self::StackBytes => "bytes of stack",
            Self::InputBytes => "bytes of input",
            Self::OutputBytes => "bytes of output",
            Self::TableElements => "table elements",
            Self::VariableBytes => "bytes of variables",
            Self::Blocks => "memory blocks",
            Self::Calls => "calls at once",
            Self::ModuleBytes => "bytes of module",
            Self::FunctionBytes => "bytes of one function",
            Self::CompileMs => "milliseconds of compiling",
            Self::CompileCpuS => "seconds of processor time of compiling",
            Self::CompileMemoryBytes => "bytes of memory of compiling",
            Self::ArtefactBytes => "bytes of machine code",
        })
    }
}
