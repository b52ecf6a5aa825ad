/** JSON text, where a bigint is a number with all its digits. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_key, each: unknown) => (typeof each === "bigint" ? JSON.rawJSON(each.toString()) : each));
}
