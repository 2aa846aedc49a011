import { describe, expect, it } from 'vitest';
import { requireFeature } from './features.ts';
import { Problem } from './problem.ts';

const problemOf = (format: 1 | 2 | null): Problem | null => {
  try {
    requireFeature(format, 'holds');
    return null;
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
};

describe('A feature of format 2', () => {
  it('is active in format 2', () => {
    expect(problemOf(2)).toBeNull();
  });
  it('is refused permanently in format 1, and the answer names the command that moves the ledger', () => {
    expect(problemOf(1)).toMatchObject({ code: 'feature_not_active', status: 503, retryable: false });
    expect(problemOf(1)?.message).toContain('POST /v1/ops/format');
  });
  it('may be tried again while the format has not been read', () => {
    expect(problemOf(null)).toMatchObject({ code: 'ledger_switching', retryable: true });
  });
});
