import { Redis } from 'ioredis';
import { createConnection } from 'mysql2/promise';
import { expect, inject, test } from 'vitest';

test('the Redis for the tests responds, and does not allow replication', async () => {
  const redis = new Redis({ host: '127.0.0.1', port: inject('redisPort'), lazyConnect: true });
  await redis.connect();
  try {
    expect(await redis.config('GET', 'maxmemory-policy')).toEqual(['maxmemory-policy', 'noeviction']);
    await expect(redis.replicaof('127.0.0.1', 1)).rejects.toThrow('NOPERM');
  } finally {
    redis.disconnect();
  }
});

test('the MariaDB for the tests uses UTC, and lets its user create a database', async () => {
  const connection = await createConnection(inject('mysqlUrl'));
  try {
    await connection.query('CREATE DATABASE t_stores');
    await connection.query('DROP DATABASE t_stores');
    const [rows] = await connection.query('SELECT @@time_zone AS zone');
    expect(rows).toEqual([{ zone: '+00:00' }]);
  } finally {
    await connection.end();
  }
});
