import { expect, it } from 'vitest';
import { withoutStackTraces } from './stack-traces.ts';

const traceOf = (error: Error) => /\n\s+at /.test(error.stack ?? '');

it('errors have no stack trace during the run, and have one again after it, even if it fails', async () => {
  expect(await withoutStackTraces(async () => traceOf(new Error('within')))).toBe(false);
  expect(traceOf(new Error('after'))).toBe(true);
  await expect(withoutStackTraces(() => Promise.reject(new TypeError('failed')))).rejects.toThrow(TypeError);
  expect(traceOf(new Error('after a failure'))).toBe(true);
});
