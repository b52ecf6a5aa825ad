/** Objects of a known form, and what to say of others. */

import * as v from "valibot";
import { quote } from "../../sdk/ts/src/text";

export const string = v.string("expected a string");

export function oneOf<const T extends readonly string[]>(words: T) {
  return v.picklist(words, `expected one of ${words.join(", ")}`);
}

/** An object with these members and no others. The first is one that it needs. */
export function object<const T extends v.ObjectEntries>(members: T, member = "member") {
  const names = Object.keys(members);
  const wanted = `expected an object {"${names[0]}": ...}`;
  const known = names.toSorted().join(", ");
  return v.pipe(
    v.custom<object>((value) => !Array.isArray(value), wanted),
    v.strictObject(members, (issue) => {
      const name = issue.path?.at(-1)?.key;
      if (name === undefined) return wanted;
      if (missing(issue)) return `the ${member} ${quote(String(name))} is missing`;
      return `unknown ${member} ${quote(String(name))}; known: ${known}`;
    }),
  );
}

/** The value, if it has the form; else throws what `refuse` makes of the reason and the JSON pointer to the place. */
export function read<T extends v.GenericSchema>(
  form: T,
  value: unknown,
  refuse: (reason: string, pointer: string) => Error,
): v.InferOutput<T> {
  const shape = v.safeParse(form, value, { abortEarly: true });
  if (shape.success) return shape.output;
  throw refuse(shape.issues[0].message, pointerTo(shape.issues[0]));
}

/** The JSON pointer (RFC 6901) of what a schema refused; of a missing member, the object that misses it. */
function pointerTo(issue: v.BaseIssue<unknown>): string {
  const path = issue.path ?? [];
  const place = missing(issue) ? path.slice(0, -1) : path;
  return place.map(({ key }) => `/${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

/** JSON has no `undefined`. */
function missing({ received }: v.BaseIssue<unknown>): boolean {
  return received === "undefined";
}
