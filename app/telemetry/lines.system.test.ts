import { execFileSync, spawn } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ModuleKind, ScriptTarget, transpileModule } from 'typescript';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { linesTo } from './lines.ts';

const folder = mkdtempSync(join(tmpdir(), 'holdfast-lines-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('lines to a file', () => {
  const file = join(folder, 'log');
  let fd: number;
  beforeAll(() => {
    fd = openSync(file, 'a');
  });

  it('are soon written in order without an explicit flush, whether there are few or many', async () => {
    const lost = vi.fn();
    const lines = linesTo(fd, lost);
    lines.write('first\n');
    lines.write('second\n');
    await expect.poll(() => readFileSync(file, 'utf8')).toBe('first\nsecond\n');
    const long = `${'x'.repeat(999)}\n`;
    for (let i = 0; i < 1000; i++) lines.write(long);
    await expect.poll(() => readFileSync(file, 'utf8')).toBe(`first\nsecond\n${long.repeat(1000)}`);
    expect(lost).not.toHaveBeenCalled();
  });

  it('are in the file when flushSync returns', () => {
    const lines = linesTo(fd, () => {});
    lines.write('at once\n');
    lines.flushSync();
    expect(readFileSync(file, 'utf8').endsWith('at once\n')).toBe(true);
  });

  it('are dropped and counted when the buffer is full, so that they take no more memory', () => {
    const lost = vi.fn();
    const lines = linesTo(fd, lost);
    const line = `${'y'.repeat(64 * 1024)}\n`;
    for (let i = 0; i < 400; i++) lines.write(line);
    const dropped = lost.mock.calls.reduce((sum, [count]) => sum + (count as number), 0);
    expect(dropped).toBeGreaterThan(100);
    expect(dropped).toBeLessThan(200);
    lines.flushSync();
  });

  it('that cannot be written are counted, and do not cause an error', async () => {
    const lost = vi.fn();
    const lines = linesTo(openSync(file, 'r'), lost);
    lines.write('into the void\n');
    lines.write('into the void\n');
    await expect.poll(() => lost.mock.calls).toEqual([[2]]);
    lines.write('again\n');
    lines.flushSync();
    expect(lost.mock.calls).toEqual([[2], [1]]);
    lines.write('and again\n');
    await expect.poll(() => lost.mock.calls.length).toBe(3);
  });
});

describe('lines to a pipe without a reader', () => {
  const fifo = join(folder, 'fifo');
  let reader: number;
  let writer: number;
  beforeAll(() => {
    execFileSync('mkfifo', [fifo]);
    reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
    writer = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
  });
  afterAll(() => [reader, writer].forEach(closeSync));
  const line = `${'z'.repeat(99)}\n`;
  const read = (): string => {
    const buffer = Buffer.alloc(1024 * 1024);
    try {
      return buffer.toString('latin1', 0, readSync(reader, buffer));
    } catch {
      return '';
    }
  };

  it('wait for the reader, and arrive completely and in order', async () => {
    const lost = vi.fn();
    const lines = linesTo(writer, lost);
    for (let i = 0; i < 5000; i++) lines.write(line);
    let got = '';
    await expect
      .poll(() => {
        got += read();
        return got.length;
      })
      .toBe(500_000);
    expect(got).toBe(line.repeat(5000));
    expect(lost).not.toHaveBeenCalled();
  });

  it('delay a flush by at most a second', () => {
    const lost = vi.fn();
    const lines = linesTo(writer, lost);
    const started = performance.now();
    for (let i = 0; i < 100; i++) lines.write(line);
    for (let i = 0; i < 9000; i++) lines.write(line);
    lines.flushSync();
    expect(performance.now() - started).toBeGreaterThan(900);
    expect(performance.now() - started).toBeLessThan(60_000);
    expect(lost).toHaveBeenCalled();
  });
});

describe('a process that logs', () => {
  const run = (ending: string): Promise<{ out: string; code: number | null }> => {
    const script = `
      import { createLogger } from './app/telemetry/logger.ts';
      import { linesTo } from './app/telemetry/lines.ts';
      const { log } = createLogger('info', {}, linesTo(1, () => {}));
      for (let i = 0; i < 2000; i++) log.info({ i }, 'line');
      ${ending}`;
    const args = ['--import', 'tsx', '--input-type=module', '-e', script];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
    return new Promise((resolve) => child.on('close', (code) => resolve({ out, code })));
  };

  it.each([
    ['ends normally', '', 0],
    ['exits', 'process.exit(3);', 3],
    ['throws', "throw new Error('out');", 1],
    ['logs once more while exiting', "process.on('exit', () => log.info({ i: 2000 }, 'last'));", 0],
  ])('loses no line when it %s', async (_, ending, expected) => {
    const { out, code } = await run(ending);
    expect(code).toBe(expected);
    expect(
      out
        .trimEnd()
        .split('\n')
        .slice(0, 2000)
        .map((line) => JSON.parse(line).i),
    ).toEqual([...Array(2000).keys()]);
  });

  describe('lines to a reader that has stopped reading', () => {
    // The script runs in plain Node.js, because tsx itself switches the output to non-blocking mode.
    const script = `
      import { linesTo } from './lines.mjs';
      let lost = 0;
      const lines = linesTo(1, (count) => { lost += count; });
      for (let i = 0; i < 40_000; i++) lines.write('x'.repeat(999) + '\\n');
      const buffered = process.memoryUsage().rss;
      process.once('SIGTERM', () => {
        lines.write('stopping\\n');
        lines.flushSync();
        process.send({ lost, buffered });
        process.disconnect();
        clearInterval(hold);
      });
      const hold = setInterval(() => {}, 1000);
      setTimeout(() => process.send('ready'), 200);`;
    beforeAll(() => {
      for (const name of ['lines', 'writable']) {
        const { outputText } = transpileModule(readFileSync(join(import.meta.dirname, `${name}.ts`), 'utf8'), {
          compilerOptions: { module: ModuleKind.ESNext, target: ScriptTarget.ES2022 },
        });
        writeFileSync(join(folder, `${name}.mjs`), outputText.replace('./writable.ts', './writable.mjs'));
      }
      writeFileSync(join(folder, 'script.mjs'), script);
    });

    it.each(['socket', 'pipe'])(
      'let the process exit when its output is a %s',
      async (kind) => {
        const fifo = join(folder, `unread-${kind}`);
        execFileSync('mkfifo', [fifo]);
        const reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
        const writer = openSync(fifo, constants.O_WRONLY);
        const child = spawn(process.execPath, [join(folder, 'script.mjs')], {
          stdio: ['ignore', kind === 'pipe' ? writer : 'pipe', 'inherit', 'ipc'],
        });
        const messages: unknown[] = [];
        child.on('message', (message) => messages.push(message));
        await vi.waitFor(() => expect(messages).toEqual(['ready']), 20_000);
        child.kill('SIGTERM');
        const code = await new Promise((resolve) => child.once('exit', resolve));
        expect(code).toBe(0);
        // The channel may deliver the last message of the process only after the exit of the
        // process has been reported.
        await vi.waitFor(() => expect(messages).toHaveLength(2), 20_000);
        // 40 MB were written. 16 MiB of them were buffered and finally counted as lost, except for
        // the lines that fit into the pipe.
        expect(messages[1]).toMatchObject({
          lost: expect.toSatisfy((lost: number) => lost > 39_000 && lost <= 40_001),
        });
        child.stdout?.destroy();
        [reader, writer].forEach(closeSync);
      },
      60_000,
    );
  });
});
