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
 *       PlanError       a plan cannot be read, or its blobs are others
 *       SourceError     a file that is read from ended early, or is not what it should be
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

  /** One of spec/pasm.md S17, such as `span-range`. */
  readonly code: string;
  /** The line of the program that it is about, from 1; 0 where the program has no lines. */
  readonly line: number;
  /** What is wrong, without the line. */
  readonly detail: string;
  /** The numbers that the detail states. */
  readonly numbers: readonly bigint[];

  constructor(code: string, line: number, detail: string, numbers: readonly bigint[]) {
    super(line > 0 ? `line ${line}: ${detail}` : detail);
    this.code = code;
    this.line = line;
    this.detail = detail;
    this.numbers = numbers;
  }
}

/** What is wrong with a plan: spec/iprog.md G31. */
export type PlanKind = "damaged" | "unsupported" | "wrong-blob";

export class PlanError extends PcpuError {
  static {
    this.prototype.name = "PlanError";
  }

  readonly kind: PlanKind;
  /** The number of the rule of spec/iprog.md that does not hold, 0 where that is not known. */
  readonly rule: number;

  constructor(kind: PlanKind, message: string, rule = 0) {
    super(rule > 0 ? `${message} (spec/iprog.md G${rule})` : message);
    this.kind = kind;
    this.rule = rule;
  }
}

export class SourceError extends PcpuError {
  static {
    this.prototype.name = "SourceError";
  }
}
