# Makes oscillator.csv: noisy measurements of damped oscillators, x'' = -2.25 x - 0.3 x'.
#
#   awk -f experiments/data/oscillator.awk > experiments/data/oscillator.csv
#
# 12 runs from different starts, 18 to 26 points each, at irregular times. Noise of deviation
# 0.02; about one value in 20 is missing, never in the first row of a run. Random numbers are
# those of Park and Miller (1988), so that every awk writes the same file.
function uniform() {
  seed = (seed * 16807) % 2147483647
  return seed / 2147483647
}
function normal(   r) {
  r = sqrt(-2 * log(uniform()))
  return r * cos(6.283185307179586 * uniform())
}
function cell(value, first,   noisy, lost) {
  noisy = value + 0.02 * normal()
  lost = uniform() < 0.05
  return lost && !first ? "" : sprintf("%.4f", noisy)
}
BEGIN {
  seed = 20240229
  decay = 0.15
  turn = sqrt(2.25 - decay * decay)
  print "# Damped oscillators x'' = -2.25 x - 0.3 x', made by oscillator.awk"
  print "run,t,x,v"
  for (run = 1; run <= 12; run++) {
    angle = 6.283185307179586 * uniform()
    radius = 0.7 + 0.6 * uniform()
    x0 = radius * cos(angle)
    v0 = radius * sin(angle)
    points = 18 + int(9 * uniform())
    t = 0
    for (k = 0; k < points; k++) {
      a = exp(-decay * t)
      c = cos(turn * t)
      s = sin(turn * t)
      x = a * (x0 * c + (v0 + decay * x0) / turn * s)
      v = a * (v0 * c - (2.25 * x0 + decay * v0) / turn * s)
      left = cell(x, k == 0)
      right = cell(v, k == 0)
      printf "%d,%.4f,%s,%s\n", run, t, left, right
      t = sprintf("%.4f", t + 0.1 + 0.4 * uniform()) + 0
    }
  }
}
