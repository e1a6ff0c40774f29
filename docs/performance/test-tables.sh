#!/bin/sh
# SPDX-License-Identifier: MIT
# The numbers in the documents are those that were measured.
exec sh "${srcdir:-.}/docs/performance/redraw.sh" --check "${srcdir:-.}"
