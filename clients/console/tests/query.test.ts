import { describe, expect, it } from 'vitest';
import { queryOf, timestampOf } from '../src/query.ts';

describe('The query of a search', () => {
  it('has only the fields that are filled in, without spaces around them', () => {
    expect(queryOf({ account: ' ada ', counterparty: '', currency: '  ', metadataKey: 'a&b' })).toBe(
      'account=ada&metadataKey=a%26b',
    );
  });
  it('has texts that are compared exactly as they were typed', () => {
    expect(queryOf({ reference: ' Invoice 1', metadataValue: '' })).toBe('reference=+Invoice+1');
  });
});

describe('A time', () => {
  it.each([
    ['2026-01-31', '2026-01-31T00:00:00Z'],
    [' 2026-01-31 12:34 ', '2026-01-31T12:34:00Z'],
    ['2026-01-31T12:34:56Z', '2026-01-31T12:34:56Z'],
    ['2026-01-31 12:34:56.789 UTC', '2026-01-31T12:34:56.789Z'],
  ])('is in UTC: %s', (text, timestamp) => {
    expect(timestampOf(text)).toBe(timestamp);
  });
  it.each(['', 'yesterday', '31.01.2026', '2026-01-31T12:34:56+01:00'])('is left to the API: "%s"', (text) => {
    expect(timestampOf(text)).toBe(text);
  });
});
