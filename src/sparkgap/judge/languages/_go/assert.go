// Package assert stands in for testify's, which the tests of HumanEval-X for Go use.
package assert

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"sparkgap"
)

// TestingT is what can fail.
type TestingT interface {
	Errorf(format string, args ...interface{})
}

// Assertions are asserts on one test.
type Assertions struct{ t TestingT }

// New returns asserts on a test.
func New(t TestingT) *Assertions { return &Assertions{t} }

// ObjectsAreEqual is testify's rule: byte slices by content, all else by reflect.DeepEqual.
func ObjectsAreEqual(expected, actual interface{}) bool {
	if expected == nil || actual == nil {
		return expected == actual
	}
	if e, is := expected.([]byte); is {
		a, also := actual.([]byte)
		return also && ((e == nil) == (a == nil)) && bytes.Equal(e, a)
	}
	return reflect.DeepEqual(expected, actual)
}

func (a *Assertions) told(held bool, what string, expected, actual interface{}) bool {
	if held {
		sparkgap.Run.Passed++
	} else {
		if t, counts := a.t.(interface{ Broken() }); counts {
			t.Broken()
		}
		sparkgap.Miss(what, fmt.Sprintf("%v", expected), fmt.Sprintf("%v", actual))
	}
	return held
}

func (a *Assertions) Equal(expected, actual interface{}, _ ...interface{}) bool {
	return a.told(ObjectsAreEqual(expected, actual), fmt.Sprintf("Equal(%#v, %#v)", expected, actual), expected, actual)
}
func (a *Assertions) NotEqual(expected, actual interface{}, _ ...interface{}) bool {
	return a.told(!ObjectsAreEqual(expected, actual), "NotEqual", expected, actual)
}
func (a *Assertions) True(value bool, _ ...interface{}) bool  { return a.told(value, "True", true, value) }
func (a *Assertions) False(value bool, _ ...interface{}) bool { return a.told(!value, "False", false, value) }
func (a *Assertions) Nil(value interface{}, _ ...interface{}) bool {
	return a.told(value == nil || isNil(value), "Nil", nil, value)
}
func (a *Assertions) NotNil(value interface{}, _ ...interface{}) bool {
	return a.told(value != nil && !isNil(value), "NotNil", "something", value)
}
func (a *Assertions) InDelta(expected, actual interface{}, delta float64, _ ...interface{}) bool {
	e, a2 := reflect.ValueOf(expected), reflect.ValueOf(actual)
	kind := reflect.TypeOf(delta)
	near := e.CanConvert(kind) && a2.CanConvert(kind)
	near = near && math.Abs(e.Convert(kind).Float()-a2.Convert(kind).Float()) <= delta
	return a.told(near, "InDelta", expected, actual)
}

func isNil(value interface{}) bool {
	v := reflect.ValueOf(value)
	switch v.Kind() {
	case reflect.Chan, reflect.Func, reflect.Interface, reflect.Map, reflect.Ptr, reflect.Slice:
		return v.IsNil()
	}
	return false
}

func Equal(t TestingT, expected, actual interface{}, more ...interface{}) bool {
	return New(t).Equal(expected, actual, more...)
}
func NotEqual(t TestingT, expected, actual interface{}, more ...interface{}) bool {
	return New(t).NotEqual(expected, actual, more...)
}
func True(t TestingT, value bool, more ...interface{}) bool  { return New(t).True(value, more...) }
func False(t TestingT, value bool, more ...interface{}) bool { return New(t).False(value, more...) }
func Nil(t TestingT, value interface{}, more ...interface{}) bool {
	return New(t).Nil(value, more...)
}
func NotNil(t TestingT, value interface{}, more ...interface{}) bool {
	return New(t).NotNil(value, more...)
}
func InDelta(t TestingT, expected, actual interface{}, delta float64, more ...interface{}) bool {
	return New(t).InDelta(expected, actual, delta, more...)
}
