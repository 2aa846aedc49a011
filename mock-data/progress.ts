import type { Clock } from '../app/kernel/clock.ts';

export interface ProgressOutput {
  isTTY?: boolean;
  columns?: number;
  write(text: string): unknown;
}

const REDRAW_MS = 100;
const LINE_EVERY_MS = 3_000;
/**
 * The displayed rate is that of the last few seconds: an average since the start would hide a service that has stopped.
 */
const RATE_WINDOW_MS = 5_000;

/**
 * The progress of a long job: a bar that redraws itself on a terminal, a line every few seconds anywhere else (CI, a
 * file). It draws on updates and sets no timer, so nothing keeps running after the job.
 */
export class Progress {
  private readonly label: string;
  private readonly total: number;
  private readonly out: ProgressOutput;
  private readonly clock: Pick<Clock, 'monotonic'>;
  private readonly startedMs: number;
  private drawnMs: number;
  private done = 0;
  private note = '';
  private samples: { atMs: number; done: number }[];

  constructor(label: string, total: number, out: ProgressOutput, clock: Pick<Clock, 'monotonic'>) {
    this.label = label;
    this.total = total;
    this.out = out;
    this.clock = clock;
    this.startedMs = clock.monotonic();
    this.drawnMs = this.startedMs;
    this.samples = [{ atMs: this.startedMs, done: 0 }];
  }

  add(count: number): void {
    this.done += count;
    if (count > 0) this.note = '';
    this.drawWhenDue();
  }

  /** Shows, until the next update, why the job is stalled. */
  hint(text: string): void {
    this.note = text;
    this.drawWhenDue();
  }

  /** Writes the last line: the total, the time and the mean rate. */
  end(): void {
    const elapsedMs = this.clock.monotonic() - this.startedMs;
    const text = `${this.label}: ${count(this.done)} in ${duration(elapsedMs)}, ${count(perSecond(this.done, elapsedMs))}/s`;
    this.out.write(this.out.isTTY === true ? `\r\x1b[2K${text}\n` : `${text}\n`);
  }

  private drawWhenDue(): void {
    const now = this.clock.monotonic();
    const tty = this.out.isTTY === true;
    if (now - this.drawnMs < (tty ? REDRAW_MS : LINE_EVERY_MS)) return;
    this.drawnMs = now;
    this.samples.push({ atMs: now, done: this.done });
    while (this.samples.length > 2 && now - (this.samples[1]?.atMs ?? now) > RATE_WINDOW_MS) this.samples.shift();
    const text = this.text(now, tty);
    this.out.write(tty ? `\r\x1b[2K${text.slice(0, (this.out.columns ?? 100) - 1)}` : `${text}\n`);
  }

  private text(now: number, tty: boolean): string {
    const first = this.samples[0] ?? { atMs: now, done: this.done };
    const rate = perSecond(this.done - first.done, now - first.atMs);
    const share = this.total === 0 ? 1 : Math.min(1, this.done / this.total);
    const left = rate === 0 ? '?' : duration(((this.total - this.done) / rate) * 1000);
    return [
      `${this.label}:`,
      ...(tty ? [bar(share)] : []),
      `${Math.floor(share * 100)} %`,
      `${count(this.done)} of ${count(this.total)},`,
      `${count(rate)}/s,`,
      `${left} left`,
      ...(this.note === '' ? [] : [`(${this.note})`]),
    ].join(' ');
  }
}

function bar(share: number): string {
  const width = 24;
  const full = Math.round(share * width);
  return `[${'#'.repeat(full)}${'.'.repeat(width - full)}]`;
}

function perSecond(done: number, ms: number): number {
  return ms <= 0 ? 0 : (done * 1000) / ms;
}

/** 1234567.8 → "1,234,568". */
export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** 83 s → "1:23"; under a minute "4.2 s". */
export function duration(ms: number): string {
  const seconds = Math.max(0, ms / 1000);
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const minutes = Math.floor(whole / 60);
  const pad = (value: number) => String(value).padStart(2, '0');
  if (minutes < 60) return `${minutes}:${pad(whole % 60)}`;
  return `${Math.floor(minutes / 60)}:${pad(minutes % 60)}:${pad(whole % 60)}`;
}
