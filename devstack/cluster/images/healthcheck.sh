#!/bin/sh
# Checks whether the server responds, like the script of the official image.
exec mariadb-admin --no-defaults --socket=/run/mysqld/mysqld.sock -u healthcheck ping > /dev/null
