// Package sparkgap carries values across: on one side a program that a model wrote, on the other the tests, each a
// process of its own.
//
// A call goes out as a frame "C", the function's number, and each argument; its answer comes back as "V", 0, each result
// and what became of each argument that is a slice, a map or a pointer, or as "V", 1 and the text of a panic. Whoever
// reads takes only what the declared types allow: bytes that do not fit end the tests.
package sparkgap

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"reflect"
	"runtime/debug"
	"strings"
)

// --- Frames, over descriptors 3 and 4 ---

var reading, writing = os.NewFile(3, "calls"), os.NewFile(4, "answers")

func send(body []byte) {
	frame := binary.LittleEndian.AppendUint32(nil, uint32(len(body)))
	if _, err := writing.Write(append(frame, body...)); err != nil {
		os.Exit(71)
	}
}

func receive() ([]byte, bool) {
	var size [4]byte
	if _, err := io.ReadFull(reading, size[:]); err != nil {
		return nil, false
	}
	body := make([]byte, binary.LittleEndian.Uint32(size[:]))
	if _, err := io.ReadFull(reading, body); err != nil {
		return nil, false
	}
	return body, true
}

// --- Values as bytes ---

type malformed struct{ why string }

type reader struct{ rest []byte }

func (r *reader) take(size int) []byte {
	if size < 0 || size > len(r.rest) {
		panic(malformed{"too short"})
	}
	taken := r.rest[:size]
	r.rest = r.rest[size:]
	return taken
}

func (r *reader) word() uint64 { return binary.LittleEndian.Uint64(r.take(8)) }

func (r *reader) count() int {
	size := int(r.word())
	if size < 0 || size > len(r.rest) {
		panic(malformed{"too many items"})
	}
	return size
}

type writer struct{ out []byte }

func (w *writer) word(value uint64) { w.out = binary.LittleEndian.AppendUint64(w.out, value) }

// What may be behind an interface: the kind travels with the value.
var known = []reflect.Type{
	nil,
	reflect.TypeOf(int(0)), reflect.TypeOf(float64(0)), reflect.TypeOf(""), reflect.TypeOf(false),
	reflect.TypeOf([]interface{}(nil)), reflect.TypeOf(map[interface{}]interface{}(nil)),
	reflect.TypeOf(int64(0)), reflect.TypeOf(float32(0)), reflect.TypeOf(int32(0)), reflect.TypeOf(uint8(0)),
	reflect.TypeOf([]int(nil)), reflect.TypeOf([]string(nil)), reflect.TypeOf([]float64(nil)),
	reflect.TypeOf(map[string]interface{}(nil)), reflect.TypeOf(map[string]string(nil)),
	reflect.TypeOf(map[string]int(nil)), reflect.TypeOf(map[int]int(nil)), reflect.TypeOf([]bool(nil)),
	reflect.TypeOf(uint(0)), reflect.TypeOf(uint64(0)), reflect.TypeOf(int8(0)), reflect.TypeOf(int16(0)),
	reflect.TypeOf([][]int(nil)), reflect.TypeOf([2]int{}), reflect.TypeOf([2]interface{}{}),
	reflect.TypeOf(struct{}{}),
}

// Crossable says why a value of a type cannot cross, "" if it can.
func Crossable(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Func, reflect.Chan, reflect.UnsafePointer, reflect.Uintptr:
		return t.String()
	case reflect.Slice, reflect.Array, reflect.Ptr:
		return Crossable(t.Elem())
	case reflect.Map:
		return Crossable(t.Key()) + Crossable(t.Elem())
	case reflect.Struct:
		for i := 0; i < t.NumField(); i++ {
			if t.Field(i).PkgPath != "" {
				return t.String()
			}
		}
	}
	return ""
}

func (w *writer) put(v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		if v.Bool() {
			w.out = append(w.out, 1)
		} else {
			w.out = append(w.out, 0)
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		w.word(uint64(v.Int()))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		w.word(v.Uint())
	case reflect.Float32, reflect.Float64:
		w.word(math.Float64bits(v.Float()))
	case reflect.Complex64, reflect.Complex128:
		w.word(math.Float64bits(real(v.Complex())))
		w.word(math.Float64bits(imag(v.Complex())))
	case reflect.String:
		w.word(uint64(v.Len()))
		w.out = append(w.out, v.String()...)
	case reflect.Slice, reflect.Map, reflect.Ptr:
		if v.IsNil() {
			w.out = append(w.out, 0)
			return
		}
		w.out = append(w.out, 1)
		w.putHeld(v)
	case reflect.Array:
		w.putHeld(v)
	case reflect.Struct:
		for i := 0; i < v.NumField(); i++ {
			w.put(v.Field(i))
		}
	case reflect.Interface:
		w.putAny(v)
	default:
		panic(fmt.Sprintf("a value of type %s cannot cross between the program and its tests", v.Type()))
	}
}

func (w *writer) putHeld(v reflect.Value) {
	switch v.Kind() {
	case reflect.Ptr:
		w.put(v.Elem())
	case reflect.Map:
		w.word(uint64(v.Len()))
		for _, key := range v.MapKeys() {
			w.put(key)
			w.put(v.MapIndex(key))
		}
	default:
		w.word(uint64(v.Len()))
		for i := 0; i < v.Len(); i++ {
			w.put(v.Index(i))
		}
	}
}

func (w *writer) putAny(v reflect.Value) {
	if v.IsNil() {
		w.out = append(w.out, 0)
		return
	}
	held := v.Elem()
	if v.Type().NumMethod() > 0 { // an error, or a Stringer: its text crosses
		w.out = append(w.out, 255)
		w.put(reflect.ValueOf(fmt.Sprint(v.Interface())))
		return
	}
	for number, kind := range known {
		if kind != nil && held.Type() == kind {
			w.out = append(w.out, byte(number))
			w.put(held)
			return
		}
	}
	w.out = append(w.out, 255)
	w.put(reflect.ValueOf(fmt.Sprintf("<%s> %v", held.Type(), v.Interface())))
}

// Told is an error that crossed: its text is what is left of it.
type Told struct{ text string }

func (t Told) Error() string  { return t.text }
func (t Told) String() string { return t.text }

func (r *reader) get(t reflect.Type) reflect.Value {
	v := reflect.New(t).Elem()
	switch t.Kind() {
	case reflect.Bool:
		v.SetBool(r.take(1)[0] != 0)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(r.word()))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(r.word())
	case reflect.Float32, reflect.Float64:
		v.SetFloat(math.Float64frombits(r.word()))
	case reflect.Complex64, reflect.Complex128:
		re := math.Float64frombits(r.word())
		v.SetComplex(complex(re, math.Float64frombits(r.word())))
	case reflect.String:
		v.SetString(string(r.take(r.count())))
	case reflect.Slice:
		if r.take(1)[0] != 0 {
			size := r.count()
			v.Set(reflect.MakeSlice(t, 0, 0))
			for i := 0; i < size; i++ {
				v.Set(reflect.Append(v, r.get(t.Elem())))
			}
		}
	case reflect.Map:
		if r.take(1)[0] != 0 {
			v.Set(reflect.MakeMap(t))
			r.fillMap(v)
		}
	case reflect.Ptr:
		if r.take(1)[0] != 0 {
			v.Set(reflect.New(t.Elem()))
			v.Elem().Set(r.get(t.Elem()))
		}
	case reflect.Array:
		if r.count() != t.Len() {
			panic(malformed{"an array of another length"})
		}
		for i := 0; i < t.Len(); i++ {
			v.Index(i).Set(r.get(t.Elem()))
		}
	case reflect.Struct:
		for i := 0; i < t.NumField(); i++ {
			v.Field(i).Set(r.get(t.Field(i).Type))
		}
	case reflect.Interface:
		r.getAny(v)
	default:
		panic(malformed{"a type that cannot cross"})
	}
	return v
}

func (r *reader) fillMap(v reflect.Value) {
	for left := r.count(); left > 0; left-- {
		key := r.get(v.Type().Key())
		if !hashable(key) {
			panic(malformed{"a key that is none"})
		}
		v.SetMapIndex(key, r.get(v.Type().Elem()))
	}
}

func hashable(key reflect.Value) bool {
	if key.Kind() == reflect.Interface && !key.IsNil() {
		key = key.Elem()
	}
	return key.Type().Comparable()
}

func (r *reader) getAny(v reflect.Value) {
	number := r.take(1)[0]
	switch {
	case number == 0:
	case number == 255:
		told := reflect.ValueOf(Told{string(r.take(r.count()))})
		if !told.Type().AssignableTo(v.Type()) {
			panic(malformed{"an interface that cannot cross"})
		}
		v.Set(told)
	case int(number) < len(known) && v.Type().NumMethod() == 0:
		v.Set(r.get(known[number]))
	default:
		panic(malformed{"an unknown kind"})
	}
}

// takeBack gives an argument of the tests' the contents that the program left in its own.
func (r *reader) takeBack(v reflect.Value) {
	switch v.Kind() {
	case reflect.Slice, reflect.Map, reflect.Ptr:
	default:
		return
	}
	now := r.get(v.Type())
	if v.IsNil() || now.IsNil() {
		return
	}
	switch v.Kind() {
	case reflect.Slice:
		if now.Len() == v.Len() {
			reflect.Copy(v, now)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			v.SetMapIndex(key, reflect.Value{})
		}
		for _, key := range now.MapKeys() {
			v.SetMapIndex(key, now.MapIndex(key))
		}
	case reflect.Ptr:
		v.Elem().Set(now.Elem())
	}
}

func changes(kind reflect.Kind) bool {
	return kind == reflect.Slice || kind == reflect.Map || kind == reflect.Ptr
}

// --- The candidate's side ---

// Serve answers calls of the functions, by their place, until nobody asks any more.
func Serve(functions ...interface{}) {
	send([]byte("L"))
	for {
		body, more := receive()
		if !more {
			os.Exit(0)
		}
		send(answer(functions, &reader{body[1:]}))
	}
}

func answer(functions []interface{}, from *reader) (out []byte) {
	defer func() {
		if fault := recover(); fault != nil {
			if _, own := fault.(malformed); own {
				os.Exit(72)
			}
			text := fmt.Sprint(fault)
			fmt.Fprintf(os.Stderr, "panic: %s\n%s", text, debug.Stack())
			told := &writer{[]byte("V\x01")}
			told.put(reflect.ValueOf(text))
			out = told.out
		}
	}()
	function := reflect.ValueOf(functions[int(from.word())])
	kind := function.Type()
	arguments := make([]reflect.Value, kind.NumIn())
	for i := range arguments {
		arguments[i] = from.get(kind.In(i))
	}
	var results []reflect.Value
	if kind.IsVariadic() {
		results = function.CallSlice(arguments)
	} else {
		results = function.Call(arguments)
	}
	w := &writer{[]byte("V\x00")}
	for _, result := range results {
		w.put(result)
	}
	for _, argument := range arguments {
		if changes(argument.Kind()) {
			w.put(argument)
		}
	}
	return w.out
}

// --- The examiner's side ---

// Run is what the tests have come to so far.
var Run struct {
	Passed, Missed int
	All, over      bool
	failure        string
	Call, Answer   string
}

func asJSON(text string) string {
	var out strings.Builder
	out.WriteByte('"')
	for place, char := range text {
		switch {
		case place > 600:
			out.WriteByte('"')
			return out.String()
		case char == '"' || char == '\\':
			out.WriteByte('\\')
			out.WriteRune(char)
		case char >= ' ' && char <= '~':
			out.WriteRune(char)
		case char < 0x10000:
			fmt.Fprintf(&out, "\\u%04x", char)
		default:
			fmt.Fprintf(&out, "\\u%04x\\u%04x", 0xD800+(char-0x10000)>>10, 0xDC00+(char-0x10000)&0x3FF)
		}
	}
	out.WriteByte('"')
	return out.String()
}

// Report says what came of the tests, and ends them.
func Report(status, reason string, whole bool) {
	stage, total := "test", ""
	if status == "passed" {
		stage = "done"
	}
	if whole {
		total = fmt.Sprintf(",\"total\":%d", Run.Passed+Run.Missed)
	}
	send([]byte(fmt.Sprintf("R{\"status\":\"%s\",\"stage\":\"%s\",\"reason\":%s,\"passed\":%d%s%s}",
		status, stage, asJSON(reason), Run.Passed, total, Run.failure)))
	os.Exit(0)
}

// Miss notes a test that failed; the tests end with the first unless all were asked for.
func Miss(test, expected, actual string) {
	if Run.Missed == 0 {
		if actual == "" {
			actual = Run.Answer
		}
		Run.failure = fmt.Sprintf(",\"failure\":{\"test\":%s,\"call\":%s,\"expected\":%s,\"actual\":%s}",
			asJSON(test), asJSON(Run.Call), asJSON(expected), asJSON(actual))
	}
	Run.Missed++
	if !Run.All {
		Report("wrong", "a test failed", false)
	}
}

// Finish ends tests that have run to their end.
func Finish() {
	if Run.Missed > 0 {
		Report("wrong", "a test failed", true)
	}
	Report("passed", "", true)
}

// Panicked ends tests that panicked: the program's own panic, handed on, or one over what it answered.
func Panicked(fault interface{}) {
	status := "wrong"
	if told, own := fault.(Told); own {
		status, fault = "raised", told.text
	}
	Run.All = true
	reason := fmt.Sprint(fault)
	Miss(reason, "", "")
	Report(status, reason, false)
}

func short(value interface{}) string {
	text := fmt.Sprintf("%v", value)
	if s, is := value.(string); is {
		text = fmt.Sprintf("%q", s)
	}
	if len(text) > 300 {
		text = text[:300]
	}
	return text
}

// Call makes one call across and puts what comes back into results, which are pointers.
func Call(number int, name string, arguments []interface{}, results []interface{}) {
	w := &writer{[]byte("C")}
	w.word(uint64(number))
	shown := make([]string, len(arguments))
	for i, pointer := range arguments {
		v := reflect.ValueOf(pointer).Elem()
		if why := Crossable(v.Type()); why != "" {
			Report("infra", "a value of type "+why+" cannot cross between the program and its tests", false)
		}
		w.put(v)
		shown[i] = short(v.Interface())
	}
	Run.Call, Run.Answer = name+"("+strings.Join(shown, ", ")+")", ""
	send(w.out)
	body, more := receive()
	if !more {
		os.Exit(73)
	}
	taken(body, arguments, results)
}

func taken(body []byte, arguments, results []interface{}) {
	from := &reader{body[1:]}
	defer func() {
		if fault := recover(); fault != nil {
			if _, own := fault.(malformed); own {
				Report("forbidden", "its answer is not one that our own half of it would send", false)
			}
			panic(fault)
		}
	}()
	if from.take(1)[0] != 0 {
		panic(Told{string(from.take(from.count()))})
	}
	shown := make([]string, len(results))
	for i, pointer := range results {
		v := reflect.ValueOf(pointer).Elem()
		v.Set(from.get(v.Type()))
		shown[i] = short(v.Interface())
	}
	Run.Answer = strings.Join(shown, ", ")
	for _, pointer := range arguments {
		from.takeBack(reflect.ValueOf(pointer).Elem())
	}
}
