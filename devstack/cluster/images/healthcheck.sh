#!/bin/sh
# Like the official image's: checks whether the server responds.
exec mariadb-admin --no-defaults --socket=/run/mysqld/mysqld.sock -u healthcheck ping > /dev/null
