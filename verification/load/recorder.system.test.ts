import { describe, expect, it } from 'vitest';
import { Recorder } from './recorder.ts';

describe('the recorder', () => {
  it('accepts a population of a million accounts', () => {
    const accounts = Array.from({ length: 1_000_000 }, (_, index) => ({
      accountId: `a-${index}`,
      currency: 'EUR',
      external: false,
      overdraftLimit: 0,
    }));
    expect(new Recorder(accounts).accounts).toHaveLength(1_000_000);
  });
});
