// JSON of shapes that no agent should write, for the fuzzing of parsers.

import fc from 'fast-check'

/** Any JSON value, and often those that break code which turns a value into text or looks a key up without a look at what it is. */
export const hostileValue: fc.Arbitrary<fc.JsonValue> = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom<fc.JsonValue>(
    { toString: false, valueOf: 0 },
    JSON.parse('{"__proto__": {"type": "text"}, "length": -1, "constructor": null}'),
    [{ toString: null, toJSON: 'x' }],
    '__proto__',
    'constructor',
    1e308,
    -1,
  ),
)

/** The line with one of its values, anywhere inside, replaced; a line that is no object becomes the value. */
export function withValue(text: string, value: unknown, which: number): string {
  if (!text.startsWith('{')) return JSON.stringify(value)
  let count = 0
  JSON.stringify(JSON.parse(text), (_key, item) => {
    count += 1
    return item
  })
  let index = -1
  const chosen = 1 + (which % Math.max(1, count - 1))
  return JSON.stringify(JSON.parse(text), (_key, item) => {
    index += 1
    return index === chosen ? value : item
  })
}
