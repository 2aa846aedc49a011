import { describe, expect, it } from 'vitest';
import { duration, Progress } from './progress.ts';

function harness(isTTY: boolean) {
  let nowMs = 0;
  const written: string[] = [];
  const clock = { monotonic: () => nowMs };
  const progress = new Progress('Posted', 1000, { isTTY, columns: 80, write: (text) => written.push(text) }, clock);
  const at = (ms: number, count: number) => {
    nowMs = ms;
    progress.add(count);
  };
  return { progress, written, at };
}

describe('Progress', () => {
  it('without a terminal, writes a line every few seconds and a final one', () => {
    const { progress, written, at } = harness(false);
    for (let ms = 100; ms <= 4000; ms += 100) at(ms, 10);
    expect(written).toEqual(['Posted: 30 % 300 of 1,000, 100/s, 7.0 s left\n']);
    at(8000, 600);
    progress.end();
    expect(written).toHaveLength(3);
    expect(written[2]).toBe('Posted: 1,000 in 8.0 s, 125/s\n');
    expect(written.join('')).not.toContain('\r');
  });

  it('redraws one line on a terminal and ends it', () => {
    const { progress, written, at } = harness(true);
    at(1000, 500);
    expect(written[0]).toBe('\r\x1b[2KPosted: [############............] 50 % 500 of 1,000, 500/s, 1.0 s left');
    at(1010, 1);
    expect(written).toHaveLength(1);
    progress.end();
    expect(written[1]).toBe('\r\x1b[2KPosted: 501 in 1.0 s, 496/s\n');
  });

  it('shows why it is stalled, and that the remaining time is unknown', () => {
    const { progress, written, at } = harness(false);
    at(3000, 0);
    expect(written[0]).toContain('0/s, ? left');
    at(3001, 0);
    progress.hint('retrying after 503 backlog_full');
    at(6000, 0);
    expect(written[1]).toContain('(retrying after 503 backlog_full)');
  });

  it('formats times', () => {
    expect([4200, 83_000, 3_723_000].map(duration)).toEqual(['4.2 s', '1:23', '1:02:03']);
  });
});
