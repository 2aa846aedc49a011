import { describe, expect, it } from 'vitest';
import { isOverdue, meaningOf } from '../src/audit.ts';

const fault = (what: string, position: number | null) => ({ what, position, index: null, problem: 'its row differs' });

describe('The meaning of a fault', () => {
  it.each([
    ['the log', fault('log', 7), 'The log itself is damaged'],
    ['an account that differs from the log', fault('account log', null), 'A balance may be wrong'],
    ['an entry', fault('transfer log', 7), 'The history may be wrong'],
  ])('is that of %s', (_what, found, meaning) => {
    expect(meaningOf(found)).toContain(meaning);
  });
});

describe('A self-check', () => {
  const now = Date.parse('2026-02-05T12:00:00Z');
  it.each([
    ['2026-02-02T12:00:00.000Z', false],
    ['2026-02-02T11:59:59.999Z', true],
    [null, false],
  ])('that last succeeded at %s: overdue %s', (lastSuccessAt, overdue) => {
    expect(isOverdue({ lastSuccessAt }, now)).toBe(overdue);
  });
});
