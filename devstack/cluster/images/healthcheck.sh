#!/bin/sh
# As the official image's: whether the server responds.
exec mariadb-admin --no-defaults --socket=/run/mysqld/mysqld.sock -u healthcheck ping > /dev/null
