/**
 * Every error that the SDK throws of its own accord:
 *
 *     PcpuError
 *       ModuleError     the WebAssembly is no pCPU module, or one of another form or version
 *       UsageError      an argument that cannot be used; the message says which and why
 *       ProgramError    a pipeline that is wrong, with the place
 *       MemoryError     the module has no memory left for what was asked
 *       PcpuTrap        a whole program stopped: one of its own checks failed
 *       WasmTrap        the code itself trapped; its instance is dropped, the next call has a new one
 *       ProblemError    a Worker answered with a problem (RFC 9457)
 */
export class PcpuError extends Error {
  static {
    this.prototype.name = "PcpuError";
  }
}

export class ModuleError extends PcpuError {
  static {
    this.prototype.name = "ModuleError";
  }
}

export class UsageError extends PcpuError {
  static {
    this.prototype.name = "UsageError";
  }
}

export class MemoryError extends PcpuError {
  static {
    this.prototype.name = "MemoryError";
  }
}

export class WasmTrap extends PcpuError {
  static {
    this.prototype.name = "WasmTrap";
  }
}

/** A place in a pipeline: from 1 in code points, with the line and a caret; or a JSON pointer (RFC 6901). */
export type Place = { line: number; column: number; excerpt: string } | { pointer: string };

export class ProgramError extends PcpuError {
  static {
    this.prototype.name = "ProgramError";
  }

  /** One of spec/program.md P9. */
  readonly code: ProgramCode;
  readonly place: Place;

  constructor(code: ProgramCode, message: string, place: Place) {
    super(message);
    this.code = code;
    this.place = place;
  }
}

export type ProgramCode =
  | "syntax"
  | "unknown-op"
  | "immediate-count"
  | "immediate-range"
  | "duplicate-name"
  | "name-on-map"
  | "too-long";

export class PcpuTrap extends PcpuError {
  static {
    this.prototype.name = "PcpuTrap";
  }

  /** What was wrong, such as `out-of-bounds`. */
  readonly code: string;
  /** The line of the program, from 1, and its text. */
  readonly line: number;
  readonly text: string;
  /** The numbers that failed the check, as the trap's message names them. */
  readonly numbers: readonly bigint[];

  constructor(message: string, trap: { code: string; line: number; text: string; numbers: readonly bigint[] }) {
    super(message);
    this.code = trap.code;
    this.line = trap.line;
    this.text = trap.text;
    this.numbers = trap.numbers;
  }
}
