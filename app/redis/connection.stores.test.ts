import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { provableNode, type ServerFacts, unfitness } from '../authority/server-facts.ts';
import { until } from '../kernel/testing/until.ts';
import { connectRedis, identifyServer, inspectServer } from './connection.ts';
import { OwnRedis } from './testing/own-redis.ts';

let server: OwnRedis;
beforeAll(async () => {
  server = await OwnRedis.start();
});
afterAll(() => server.stop());

const opened: ReturnType<typeof connectRedis>[] = [];
function connect(url = server.url, commandTimeoutMs = 1500) {
  const redis = connectRedis({ url, connectTimeoutMs: 500, commandTimeoutMs });
  opened.push(redis);
  return redis;
}
async function connected() {
  const redis = connect();
  await until('it is connected', () => redis.status === 'ready');
  return redis;
}
afterEach(() => {
  for (const redis of opened.splice(0)) redis.disconnect();
});

describe('A connection for money commands', () => {
  it('queues nothing: a command that is sent before it is established fails immediately', async () => {
    await expect(connect().set('key', '1')).rejects.toThrow(
      "Stream isn't writeable and enableOfflineQueue options is false",
    );
  });

  it('fails a command that gets no reply in time, and closes the connection', async () => {
    const redis = connect(server.url, 100);
    await until('it is connected', () => redis.ping().catch(() => null));
    let closings = 0;
    redis.on('close', () => {
      closings += 1;
    });
    server.freeze();
    await expect(redis.incr('counter')).rejects.toThrow('Command timed out');
    await until('the connection is closed', () => closings > 0);
    server.thaw();
    await until('it is connected again', () => redis.incr('again').catch(() => null));
  });

  it('never resends a command whose connection broke', async () => {
    const other = await connected();
    const redis = await connected();
    const id = await redis.client('ID');
    await other.call('CLIENT', 'PAUSE', '60000', 'WRITE');
    const lost = redis.incr('once').catch((error: Error) => error.message);
    await until('it has arrived', async () => /cmd=incr/.test((await other.client('LIST')) as string));
    await other.client('KILL', 'ID', id);
    await other.call('CLIENT', 'UNPAUSE');
    expect(await lost).toMatch(/max retries per request|Connection is closed/);
    await until('it is connected again', () =>
      redis
        .get('once')
        .catch(() => 'not yet')
        .then((found) => found !== 'not yet'),
    );
    expect(await other.get('once')).toBeNull();
  });

  it('reconnects on its own after it broke', async () => {
    const redis = await connected();
    const before = await redis.client('ID');
    redis.disconnect(true);
    expect(await until('it is connected again', () => redis.client('ID').catch(() => null))).not.toBe(before);
  });
});

describe('Inspecting a server', () => {
  it('can be limited to the identity of the server, at almost no cost', async () => {
    const redis = await connected();
    const { role, replid } = await identifyServer(redis);
    expect(role).toBe('master');
    expect(replid).toMatch(/^[0-9a-f]{40}$/);
  });

  it('reads everything that determines whether the server may hold the ledger', async () => {
    const redis = await connected();
    expect(await inspectServer(redis)).toEqual({
      ...(await identifyServer(redis)),
      runId: expect.stringMatching(/^[0-9a-f]{40}$/),
      formerReplid: '0'.repeat(40),
      version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
      node: server.node,
      connectedReplicas: 0,
      replicationForbidden: true,
      settingsFrom: 'server',
      settings: {
        appendonly: 'yes',
        appendfsync: 'always',
        'maxmemory-policy': 'noeviction',
        'no-appendfsync-on-rewrite': 'no',
        appenddirname: server.node,
        'repl-backlog-ttl': '3600',
      },
    });
  });

  it.each([['+replicaof'], ['+slaveof'], ['+psync'], ['+sync']])(
    'detects that a user may replicate: the permission %s is enough',
    async (rule) => {
      const redis = await connected();
      await redis.call('ACL', 'SETUSER', 'somebody', 'on', 'nopass', rule);
      expect((await inspectServer(redis)).replicationForbidden).toBe(false);
      await redis.call('ACL', 'DELUSER', 'somebody');
      expect((await inspectServer(redis)).replicationForbidden).toBe(true);
    },
  );
});

describe('A server that does not report', () => {
  it('its settings or its identity is not accepted, because Holdfast assumes nothing about missing facts', async () => {
    const redis = await connected();
    vi.spyOn(redis, 'config').mockResolvedValue([]);
    vi.spyOn(redis, 'info').mockResolvedValue('');
    const facts = await inspectServer(redis);
    expect(facts).toMatchObject({ role: '', replid: '', version: '', node: '' });
    expect(unfitness(facts)).toEqual([
      'its master_replid is ""',
      'its role is ',
      expect.stringContaining('7 or later'),
      'appendonly is , but must be yes',
      'appendfsync is , but must be always',
      'maxmemory-policy is , but must be noeviction',
      'no-appendfsync-on-rewrite is , but must be no',
    ]);
  });
});

describe('A managed server, which refuses CONFIG and ACL', () => {
  let own: OwnRedis;
  let admin: Redis;
  let client: Redis;
  beforeAll(async () => {
    own = await OwnRedis.start();
    admin = new Redis(own.port);
    await admin.call(
      'ACL',
      'SETUSER',
      'client',
      'on',
      '>secret',
      '~*',
      '&*',
      '+@all',
      '-@admin',
      '-config',
      '-acl',
      '+info',
    );
    client = new Redis(own.port, { username: 'client', password: 'secret' });
    await client.ping();
  });
  afterAll(async () => {
    client.disconnect();
    admin.disconnect();
    await own.stop();
  });

  it('is not accepted by default, and the reason names the setting that the operator can declare', async () => {
    const facts = await inspectServer(client);
    expect(facts).toMatchObject({ role: 'master', settingsFrom: 'nowhere', settings: {}, replicationForbidden: false });
    expect(unfitness(facts)).toEqual([expect.stringMatching(/refuses CONFIG GET.*REDIS_MANAGED=true/)]);
  });

  it('is accepted if the operator declares its settings, but is never identified by its name', async () => {
    const facts = await inspectServer(client, true);
    expect(facts.settingsFrom).toBe('operator');
    expect(unfitness(facts)).toEqual([]);
    expect(provableNode(facts)).toBe('');
  });

  it.each([
    [
      'evicts',
      'maxmemory-policy',
      'allkeys-lru',
      'noeviction',
      'maxmemory-policy is allkeys-lru, but must be noeviction',
    ],
    ['does not write a file', 'appendonly', 'no', 'yes', 'appendonly is no, but must be yes'],
  ])(
    'is not accepted if INFO shows that it %s, whatever the operator declares',
    async (_what, name, wrong, right, complaint) => {
      await admin.config('SET', name, wrong);
      expect(unfitness(await inspectServer(client, true))).toEqual([complaint]);
      await admin.config('SET', name, right);
    },
  );

  it('is judged by CONFIG if it answers that command, whatever the operator declares', async () => {
    await admin.config('SET', 'appendfsync', 'everysec');
    expect(unfitness(await inspectServer(admin, true))).toEqual(['appendfsync is everysec, but must be always']);
    await admin.config('SET', 'appendfsync', 'always');
  });
});

describe('The name of a node', () => {
  it('identifies a node after a restart only if the name is unique and no user may replicate', async () => {
    const facts = await inspectServer(await connected());
    expect(provableNode(facts)).toBe(server.node);
    for (const attempt of [
      { node: 'appendonlydir' },
      { node: '' },
      { connectedReplicas: 1 },
      { replicationForbidden: false },
    ]) {
      expect(provableNode({ ...facts, ...attempt })).toBe('');
    }
  });
});

describe('A server', () => {
  const fit: ServerFacts = {
    role: 'master',
    replid: 'a'.repeat(40),
    runId: 'r',
    formerReplid: '',
    version: '7.0.15',
    node: 'node-1',
    connectedReplicas: 0,
    replicationForbidden: false,
    settingsFrom: 'server',
    settings: {
      appendonly: 'yes',
      appendfsync: 'always',
      'maxmemory-policy': 'noeviction',
      'no-appendfsync-on-rewrite': 'no',
    },
  };
  it('that persists everything is accepted, whether or not it has replicas or a name', () => {
    expect(unfitness(fit)).toEqual([]);
    expect(unfitness({ ...fit, version: '10.1.0', node: '', connectedReplicas: 2 })).toEqual([]);
  });
  it('that is too old is rejected, and every fault is reported', () => {
    expect(unfitness({ ...fit, version: '6.2.14' })).toEqual(['its version is 6.2.14; 7 or later is required']);
    expect(unfitness({ ...fit, role: 'slave', version: '', settings: {} })).toHaveLength(6);
  });
});
