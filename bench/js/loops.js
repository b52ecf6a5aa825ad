// The loops that are timed. A row with WebAssembly imports a copy of this module of its own:
// V8 then sees one callee, and calls it as it would in a program that calls only that.

export const loops = {
  /** A kernel on data that is in its memory already. */
  kernel(f, data, size, imms) {
    const [imm] = imms;
    if (imms.length === 0) {
      return (calls) => {
        let last;
        for (let i = 0; i < calls; i++) last = f(data, size);
        return last;
      };
    }
    if (imms.length === 1) {
      return (calls) => {
        let last;
        for (let i = 0; i < calls; i++) last = f(data, size, imm);
        return last;
      };
    }
    return (calls) => {
      let last;
      for (let i = 0; i < calls; i++) last = f(data, size, ...imms);
      return last;
    };
  },

  /** A kernel on data that is copied in first, and out again where the kernel changes it. */
  copied(f, memory, data, bytes, imms, changes) {
    const [imm] = imms;
    const size = bytes.length;
    return (calls) => {
      let last;
      for (let i = 0; i < calls; i++) {
        memory.set(bytes, data);
        last = f(data, size, imm);
        if (changes) bytes.set(memory.subarray(data, data + size));
      }
      return last;
    };
  },

  /** Several kernels one after the other; each call is {f, a, b, c}. */
  sequence(steps) {
    return (calls) => {
      for (let i = 0; i < calls; i++) for (const { f, a, b, c } of steps) f(a, b, c);
    };
  },

  /**
   * A function of JavaScript. All share one loop, which has seen several callees: where V8 sees
   * only one it may draw the function into the loop, and then keeps BigInts on the heap.
   */
  function(f, bytes, imms) {
    if (imms.length > 1) {
      return (calls) => {
        let last;
        for (let i = 0; i < calls; i++) last = f(bytes, ...imms);
        return last;
      };
    }
    const [imm] = imms;
    return (calls) => {
      let last;
      for (let i = 0; i < calls; i++) last = f(bytes, imm);
      return last;
    };
  },
};

const NONE = new Uint8Array(0);
for (const f of [() => 0, () => 1, () => 2, () => 3, () => 4, () => 5]) {
  loops.function(f, NONE, [])(100);
}
