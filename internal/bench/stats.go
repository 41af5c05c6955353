package main

import "slices"

// A series is the runs of one kind on one image.
type series []*run

// A sample is a number of each run, sorted.
type sample []float64

func (s series) of(number func(*run) float64) sample {
	var numbers sample
	for _, r := range s {
		numbers = append(numbers, number(r))
	}
	slices.Sort(numbers)
	return numbers
}

// median is the middle one, or the mean of both.
func (s sample) median() float64 {
	n := len(s)
	if n == 0 {
		return 0
	}
	return (s[(n-1)/2] + s[n/2]) / 2
}

func wall(r *run) float64     { return r.used.Wall.Seconds() }
func cpu(r *run) float64      { return r.used.CPU.Seconds() }
func memory(r *run) float64   { return float64(r.used.RSS) }
func pulled(r *run) float64   { return float64(r.record.pulled()) }
func requests(r *run) float64 { return float64(r.record.to(registry)) }
func others(r *run) float64   { return float64(len(r.record) - r.record.to(registry)) }

func ratio(a, b sample) float64 { return a.median() / b.median() }
