# SPDX-License-Identifier: MIT
# Horizontal bars: `data` has a label, a value and a colour's number in each line, bottom first.
# Called by redraw.sh with data, out, heading, lines and logarithmic set.

set terminal svg noenhanced size 760, 70 + 22 * lines font "sans-serif,12" background "#ffffff"
set output out
set title heading
set style fill solid 0.85 noborder
set datafile separator "\t"
stats data using 2 nooutput name "value"
unset key
set xlabel "nanoseconds, less is better"
if (logarithmic) set logscale x
set grid xtics lc rgb "#dddddd"
set yrange [-0.6:lines - 0.4]
set lmargin 52
colour(n) = n == 1 ? 0x2b6cb0 : 0xa0aec0
start = logarithmic ? 1 : 0
set xrange [start:value_max * (logarithmic ? 1.6 : 1.12)]
plot data using (0.5 * ($2 + start)):0:(0.5 * ($2 - start)):(0.36):(colour($3)):ytic(1) \
	with boxxyerror lc rgb variable, \
	data using 2:0:(sprintf($2 < 10 ? "%.2f" : $2 < 100 ? "%.1f" : "%.0f", $2)) \
	with labels left offset 0.5, 0
