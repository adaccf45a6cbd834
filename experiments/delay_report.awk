# The report of experiments/delay_study from its study.csv, as Markdown. Variables: quick,
# seeds, rates. Rules of judgement, fixed before the runs:
#   the architecture that stands for ddnn is chosen by its median validation loss, the rival
#   is the one with the least median test error: hindsight is for the rival;
#   "yes" - the quartiles do not overlap; "yes, in the median" - they do;
#   fewer data - as good as any rival with the same share of the samples or more.
BEGIN { FS = "," }

function quantile(key, q,   n, i, j, t, v, at, low) {
  n = split(tests[key], v, " ")
  for (i = 1; i <= n; i++) v[i] += 0
  for (i = 1; i <= n; i++) for (j = i + 1; j <= n; j++) if (v[j] < v[i]) { t = v[i]; v[i] = v[j]; v[j] = t }
  at = 1 + (n - 1) * q
  low = int(at)
  return low >= n ? v[n] : v[low] + (at - low) * (v[low + 1] - v[low])
}
function number(x) { return x >= 1e299 ? "failed" : sprintf("%.2g", x) }
function spread(key) {
  return number(quantile(key, 0.5)) " [" number(quantile(key, 0.25)) ", " number(quantile(key, 0.75)) "]"
}
function median_of(list,   keep, m) {
  tests["tmp"] = list
  return quantile("tmp", 0.5)
}

# The model of a family in a data set at a fraction that is best, by validation or by test.
function best(set, fraction, kind, by_test,   m, key, x, least, found) {
  found = ""
  for (m = 1; m <= nmodel[set]; m++) {
    key = set "," model[set, m] "," fraction
    if (family[set, model[set, m]] != kind || !(key in tests)) continue
    x = by_test ? quantile(key, 0.5) : median_of(valids[key])
    if (found == "" || x < least) { found = model[set, m]; least = x }
  }
  return found
}

function verdict(a, b,   ma, mb) {
  ma = quantile(a, 0.5); mb = quantile(b, 0.5)
  if (ma >= mb) return "no"
  return quantile(a, 0.75) < quantile(b, 0.25) ? "yes" : "yes, in the median"
}
function times(a, b) { return sprintf("%.2g", quantile(b, 0.5) / quantile(a, 0.5)) }
function percent(f) { return 100 * f " %" }

NR > 1 {
  set = $1; key = $1 "," $2 "," $4
  if (!(set in nmodel)) sets[++nset] = set
  if (!((set, $2) in family)) { family[set, $2] = $3; model[set, ++nmodel[set]] = $2 }
  if (!((set, $4) in seen)) { seen[set, $4]; fraction[set, ++nfraction[set]] = $4 }
  tests[key] = tests[key] " " ($11 == "inf" ? 1e300 : $11)
  valids[key] = valids[key] " " ($10 == "inf" ? 1e300 : $10)
  works[key] = works[key] " " $9
  rate[key] = $5; size[set, $2] = $8
  if ($7 != "ok") failed[key]++
}

function table_all(set,   m, name, key) {
  print "| model | parameters | lr | test error | validation | work |"
  print "|---|---:|---:|---|---:|---:|"
  for (m = 1; m <= nmodel[set]; m++) {
    name = model[set, m]; key = set "," name ",1"
    printf "| %s | %d | %s | %s%s | %s | %.2f |\n", name, size[set, name], rate[key], spread(key),
      failed[key] ? " (" failed[key] " failed)" : "", number(median_of(valids[key])),
      median_of(works[key]) / 1e6
  }
  print ""
}

function table_fractions(set,   m, name, f, line) {
  line = "| model |"
  for (f = 1; f <= nfraction[set]; f++) line = line " " percent(fraction[set, f]) " |"
  print line
  gsub(/[^|]+/, "---", line)
  print line
  for (m = 1; m <= nmodel[set]; m++) {
    name = model[set, m]
    if (family[set, name] != "ddnn" && family[set, name] != "rival") continue
    line = "| " name " |"
    for (f = 1; f <= nfraction[set]; f++) line = line " " spread(set "," name "," fraction[set, f]) " |"
    print line
  }
  print ""
}

function judge_size(set,   d, r, dk, rk, sk) {
  d = best(set, 1, "ddnn", 0); r = best(set, 1, "rival", 1)
  dk = set "," d ",1"; rk = set "," r ",1"; sk = set ",ddnn-concat-small,1"
  printf "- Lower error at equal size: **%s**. %s (%d parameters) against %s (%d): %s against %s, a factor of %s.\n",
    verdict(dk, rk), d, size[set, d], r, size[set, r], spread(dk), spread(rk), times(dk, rk)
  if (sk in tests)
    printf "- Fewer parameters at equal accuracy: **%s**. ddnn-concat-small (%d parameters) against %s (%d): %s against %s.\n",
      verdict(sk, rk), size[set, "ddnn-concat-small"], r, size[set, r], spread(sk), spread(rk)
}

# The least median test error of the rivals with share f of the samples or more: more data need
# not help when the world changes.
function rival_from(set, f,   r, key, least) {
  least = ""
  for (; f <= nfraction[set]; f++) {
    r = best(set, fraction[set, f], "rival", 1)
    key = set "," r "," fraction[set, f]
    if (least == "" || quantile(key, 0.5) < quantile(least, 0.5)) least = key
  }
  return least
}
function named(key,   part) {
  split(key, part, ",")
  return part[2] " with " percent(part[3]) ", " spread(key)
}

function judge_data(set,   f, d, dk, rk, reached, some) {
  if (nfraction[set] < 2) return
  reached = some = ""
  for (f = 1; f < nfraction[set]; f++) {
    d = best(set, fraction[set, f], "ddnn", 0)
    dk = set "," d "," fraction[set, f]
    rk = set "," best(set, fraction[set, f], "rival", 1) "," fraction[set, f]
    some = some (f > 1 ? "; " : "") percent(fraction[set, f]) " **" verdict(dk, rk) "** (" named(dk) "; " named(rk) ")"
    rk = rival_from(set, f + 1)
    if (reached == "" && verdict(dk, rival_from(set, f)) != "no") {
      reached = "**" verdict(dk, rk) "** (" named(dk) "; " named(rk) ")"
    }
  }
  print "- Lower error with equally few samples: " some "."
  if (reached == "") reached = "**no**, with no share does ddnn reach what a rival has with that share or more"
  print "- Fewer data at equal accuracy: " reached "."
}

END {
  print "# Delay networks against their rivals\n"
  print "Written by `experiments/delay_study` from its `study.csv`; the runs are deterministic, so that it"
  print "can be had again.\n"
  if (quick == "yes")
    print "**A quick run (50 epochs, validation data for test data): that it works, not how it ends.**\n"
  print "The paper (DDNN) is known by its abstract; the architectures `concat`, `combine` and `additive` are"
  print "our reading of it, and the data sets replace those it used. Its claims: fewer parameters at equal"
  print "accuracy, and fewer data.\n"
  printf "Error is the mean square over all test outputs, median [quartiles] over %d seeds of data and\n", seeds
  print "initial parameters (blowflies: of the latter); for models trained with a share of the training"
  printf "samples too. All have the same epochs, Adam with a cosine schedule, the learning rates %s,\n", rates
  print "full batches, and `discrete` gradients at tolerance 1e-4. A learning rate is chosen for each data"
  print "set, model and share by the median validation loss; parameters are those of the best validation"
  print "loss; test data were read after that, once. Work is f + vjp + pgrad evaluations of the training in"
  print "millions (full batches of the share). For a judgement ddnn is the architecture with the least"
  print "median validation loss, the rival the one with the least median *test* error; \"yes\" means that the"
  print "quartiles do not overlap.\n"
  print "ddnn is told the lag: the true one of the synthetic data, 14.5 days for the blowflies."
  print "`trained-lag` starts 30 % off (blowflies: at 11 days) and learns it. `anode+k` has k more"
  print "dimensions, started at 0 or by an encoder; `-past` rivals have the past of the blowflies as inputs,"
  print "which ddnn has as its history.\n"
  for (s = 1; s <= nset; s++) {
    set = sets[s]
    print "## " set "\n"
    table_all(set)
    if (nfraction[set] > 1) {
      print "Test error against the share of training samples:\n"
      table_fractions(set)
    }
    if (set == "blowflies") {
      print "Smaller shares are the latest windows of the training part: fewer data are more recent ones too,"
      print "and the test part is one stretch of the record, cut into windows that overlap.\n"
    }
    if (set == "flip") {
      printf "- ddnn solves it, node cannot: **%s**. ddnn %s, node %s; keeping the order of points leaves 1/3.\n",
        (quantile("flip,ddnn-concat,1", 0.75) < 1e-3 && quantile("flip,node,1", 0.25) > 0.2) ? "yes" : "no",
        spread("flip,ddnn-concat,1"), spread("flip,node,1")
    }
    judge_size(set)
    judge_data(set)
    print ""
  }
}
