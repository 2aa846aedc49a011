import { rmSync } from 'node:fs';
import { Redis, ReplyError } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRedis } from '../../devstack/stores/redis.mjs';
import { temporaryFolder } from '../../devstack/testing/temporary.mjs';
import { CacheError } from '../journal/cache-port.ts';
import { connectRedis } from './connection.ts';
import { classify, runScript } from './run-script.ts';

const echo = { name: 'echo', text: "#!lua\nredis.call('INCR', KEYS[1])\nreturn ARGV[1]", sha: '' };
let server: Awaited<ReturnType<typeof startRedis>>;
const dir = temporaryFolder();
let redis: Redis;
let commands: string[] = [];

beforeAll(async () => {
  server = await startRedis({ dir, relaxed: true });
  redis = new Redis(server.port, { maxRetriesPerRequest: 0, enableOfflineQueue: false, lazyConnect: true });
  await redis.connect();
  echo.sha = (await redis.script('LOAD', echo.text)) as string;
  const monitor = await redis.monitor();
  monitor.on('monitor', (_time: string, [name, detail]: string[]) => {
    if (name && /eval|script/i.test(name))
      commands.push(`${name.toUpperCase()}${/script/i.test(name) ? ` ${detail?.toUpperCase()}` : ''}`);
  });
  redis.once('close', () => monitor.disconnect());
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
  rmSync(dir, { recursive: true, force: true });
});

describe('A Redis that is killed while a script is running', () => {
  it('leaves the script in doubt, because the script was sent and may have run', async () => {
    const own = temporaryFolder();
    const victim = await startRedis({ dir: own, relaxed: true });
    // Connects as the pods do, because ioredis uses special errors for commands that it abandons
    // when a connection closes.
    const connection = connectRedis({ url: victim.url, connectTimeoutMs: 60_000, commandTimeoutMs: 120_000 });
    await expect.poll(() => connection.status).toBe('ready');
    const text = "#!lua\nredis.call('INCR', KEYS[1])\nwhile true do end";
    const endless = { name: 'endless', text, sha: (await connection.script('LOAD', text)) as string };
    const call = runScript(connection, endless, ['n'], []).catch((error: CacheError) => error.kind);
    await new Promise((resolve) => setImmediate(resolve));
    process.kill(victim.pid, 'SIGKILL');
    expect(await call).toBe('in_doubt');
    // Without a connection, a command is never sent.
    await expect.poll(() => connection.status).not.toBe('ready');
    await expect(runScript(connection, echo, ['n'], [])).rejects.toMatchObject({ kind: 'not_sent' });
    connection.disconnect();
    await victim.ended;
    rmSync(own, { recursive: true, force: true });
  });
});

describe('runScript', () => {
  it('runs a script by its SHA-1; a server without the script receives it, and runs it once', async () => {
    await redis.script('FLUSH');
    commands = [];
    expect(String(await runScript(redis, echo, ['n'], ['hello']))).toBe('hello');
    expect(await redis.get('n')).toBe('1');
    expect(String(await runScript(redis, echo, ['n'], ['again']))).toBe('again');
    expect(await redis.get('n')).toBe('2');
    await expect.poll(() => commands.filter((command) => command === 'EVALSHA').length).toBeGreaterThanOrEqual(2);
    expect(commands).toContain('SCRIPT LOAD');
    expect(commands).not.toContain('EVAL');
  });

  it('reports a script that fails while running as in doubt, and does not resend it', async () => {
    await redis.set('text', 'no number');
    const text = "#!lua\nredis.call('INCR', KEYS[1])\nreturn redis.call('INCR', KEYS[2])";
    const failing = { name: 'failing', text, sha: (await redis.script('LOAD', text)) as string };
    await expect(runScript(redis, failing, ['count', 'text'], [])).rejects.toMatchObject({ kind: 'in_doubt' });
    expect(await redis.get('count')).toBe('1');
  });

  it('reports a script that cannot be loaded as not sent', async () => {
    const broken = { name: 'broken', text: '#!lua\nthis is no lua', sha: 'f'.repeat(40) };
    await expect(runScript(redis, broken, [], [])).rejects.toMatchObject({ kind: 'not_sent' });
  });

  it('reports a script that loads under another SHA-1 as proven not to have run', async () => {
    const other = { name: 'other', text: '#!lua\nreturn 1', sha: 'e'.repeat(40) };
    await expect(runScript(redis, other, [], [])).rejects.toMatchObject({ kind: 'unable', reason: 'NOSCRIPT' });
  });

  it('reports a command on a closed connection as not sent', async () => {
    const closed = new Redis(server.port, { maxRetriesPerRequest: 0, enableOfflineQueue: false, lazyConnect: true });
    await expect(runScript(closed, echo, ['n'], ['x'])).rejects.toMatchObject({ kind: 'not_sent' });
    closed.disconnect();
  });

  it('reports a command that gets no reply in time as in doubt', async () => {
    const hasty = new Redis(server.port, { commandTimeout: 20, maxRetriesPerRequest: 0, enableReadyCheck: false });
    await expect.poll(() => hasty.ping().catch(() => 'late')).toBe('PONG');
    // CLIENT PAUSE is not used, because a pause of all commands also delays CLIENT UNPAUSE.
    process.kill(server.pid, 'SIGSTOP');
    await expect(runScript(hasty, echo, ['n'], ['x'])).rejects.toMatchObject({ kind: 'in_doubt' });
    hasty.disconnect();
    process.kill(server.pid, 'SIGCONT');
  });
});

describe('classify', () => {
  const reply = (message: string) => classify(new ReplyError(message));
  it.each([
    ['REFUSED fenced', 'refused', 'fenced'],
    ['STALE snapshot', 'stale', 'snapshot'],
    ['OOM command not allowed', 'unable', 'OOM'],
    ['READONLY You can’t write', 'refused', 'READONLY'],
    ['BUSY Redis is busy', 'unable', 'BUSY'],
    ['LOADING Redis is loading', 'refused', 'LOADING'],
    ['MOVED 13907 127.0.0.1:7001', 'refused', 'MOVED'],
    ['ASK 13907 127.0.0.1:7001', 'refused', 'ASK'],
    ['TRYAGAIN Multiple keys request during rehashing of slot', 'refused', 'TRYAGAIN'],
    ['CLUSTERDOWN Hash slot not served', 'refused', 'CLUSTERDOWN'],
    ['ERR something in a script', 'in_doubt', 'ERR something in a script'],
    ['MISCONF Errors writing to the AOF file', 'unable', 'MISCONF'],
    ['NOPERM User a has no permissions', 'unable', 'NOPERM'],
    [
      `OOM x script: ${'a'.repeat(40)}, on @user_script:3.`,
      'in_doubt',
      `OOM x script: ${'a'.repeat(40)}, on @user_script:3.`,
    ],
  ])('%s is %s', (message, kind, reason) => {
    expect(reply(message)).toMatchObject({ kind, reason });
  });

  it('an error that is not a reply leaves a script in doubt, unless the command was never sent', () => {
    expect(classify(new Error('Command timed out'))).toMatchObject({ kind: 'in_doubt' });
    expect(classify(new Error('REFUSED fenced'))).toMatchObject({ kind: 'in_doubt' });
    expect(classify('odd')).toMatchObject({ kind: 'in_doubt', reason: 'odd' });
    expect(classify(new Error("Stream isn't writeable and enableOfflineQueue options is false"))).toMatchObject({
      kind: 'not_sent',
    });
    const known = new CacheError('stale', 'snapshot');
    expect(classify(known)).toBe(known);
  });
});
