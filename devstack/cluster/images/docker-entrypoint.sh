#!/bin/bash
# The part of the official image's docker-entrypoint.sh that the chart uses: it runs as any user. At
# the first start, it creates the database and its user, and runs the SQL files in its folder.
set -eu
data=/var/lib/mysql
if [ ! -d $data/mysql ]; then
  mariadb-install-db --no-defaults --datadir=$data --skip-test-db --auth-root-authentication-method=normal \
    > /tmp/install.log 2>&1 || { cat /tmp/install.log; exit 1; }
  more=
  [ ! -d /docker-entrypoint-initdb.d ] || more=$(cat /docker-entrypoint-initdb.d/*.sql)
  root=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  mariadbd --no-defaults --datadir=$data --bootstrap << SQL
FLUSH PRIVILEGES;
CREATE DATABASE IF NOT EXISTS \`$MARIADB_DATABASE\`;
CREATE USER '$MARIADB_USER'@'%' IDENTIFIED BY '$MARIADB_PASSWORD';
GRANT ALL ON \`$MARIADB_DATABASE\`.* TO '$MARIADB_USER'@'%';
ALTER USER root@localhost IDENTIFIED BY '$root';
CREATE USER healthcheck@localhost;
DROP USER IF EXISTS ''@localhost;
$more
SQL
fi
[ "${1:-}" = mariadbd ] && shift
exec mariadbd --no-defaults --datadir=$data --socket=/run/mysqld/mysqld.sock --pid-file=/run/mysqld/mysqld.pid \
  --bind-address=0.0.0.0 --skip-name-resolve "$@"
