package checklist

import (
	"fmt"
	"slices"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// Limits of an expression. Without macros every node is evaluated at most once, so its cost is bounded by its size. There
// is no limit at run time: it would fail where a long text is searched, and only on this side.
const (
	maxExpression = 2000 // bytes
	maxNodes      = 400
	maxDepth      = 40
)

// expression is a compiled CEL expression with what it reads.
type expression struct {
	program cel.Program
	items   []ItemCode // those of its tallies too
	at      []int      // positions of items in the pack
	direct  []ItemCode // without those that only a tally reads
	facts   []FactCode
	tallies []TallyCode
	blank   truth // where nothing that it reads is known: nearly always unknowable
}

// scope is what an expression may name.
type scope struct {
	items    map[ItemCode]*Item
	index    map[ItemCode]int
	facts    map[FactCode]*Fact
	tallies  map[TallyCode]*Tally
	compiled map[string]*expression // many items of a pack have the same when
}

// language is the CEL of rules: the variables ans and facts, and no macro at all. has() is left out on purpose: it
// would turn "not answered" into false, and unknown must never judge safe.
var language = sync.OnceValues(func() (*cel.Env, error) {
	return cel.NewEnv(
		cel.ClearMacros(),
		cel.ParserRecursionLimit(maxDepth),
		cel.ParserExpressionSizeLimit(maxExpression),
		cel.Variable("ans", cel.MapType(cel.StringType, cel.DynType)),
		cel.Variable("facts", cel.MapType(cel.StringType, cel.DynType)),
		cel.Variable("tally", cel.MapType(cel.StringType, cel.DynType)),
	)
})

// compile checks an expression against the subset on which cel-go and @marcbachmann/cel-js agree and against the pack's
// own items, facts and choices. The error is a Chinese sentence.
func (s scope) compile(source string) (*expression, error) {
	if e := s.compiled[source]; e != nil {
		return e, nil
	}
	if len(source) > maxExpression {
		return nil, fmt.Errorf("表达式过长（%d 字节，上限 %d）", len(source), maxExpression)
	}
	if err := halfWidth(source); err != nil {
		return nil, err
	}
	env, err := language()
	if err != nil {
		return nil, err
	}
	parsed, issues := env.Parse(source)
	if issues.Err() != nil {
		if at := issues.Errors()[0].Location.Column() + 1; at > 0 {
			return nil, fmt.Errorf("表达式“%s”第 %d 个字符附近有语法错误，请检查括号、引号和运算符", clip(source), at)
		}
		return nil, fmt.Errorf("表达式“%s”太复杂，请拆成几条规则", clip(source))
	}
	c := checker{scope: s}
	kind, err := c.kind(parsed.NativeRep().Expr(), 0)
	if err != nil {
		return nil, fmt.Errorf("表达式“%s”：%w", clip(source), err)
	}
	if kind != boolean {
		return nil, fmt.Errorf("表达式“%s”的结果不是真或假", clip(source))
	}
	checked, issues := env.Check(parsed)
	if issues.Err() != nil {
		return nil, fmt.Errorf("表达式“%s”类型不对：%w", clip(source), issues.Err())
	}
	program, err := env.Program(checked)
	if err != nil {
		return nil, fmt.Errorf("表达式“%s”不能编译：%w", clip(source), err)
	}
	e := &expression{program: program, items: c.items, direct: slices.Clone(c.items), facts: c.facts, tallies: c.tallies}
	e.blank = e.eval(cel.NoVars())
	e.takeTallies(s.tallies)
	for _, code := range e.items {
		e.at = append(e.at, s.index[code])
	}
	s.compiled[source] = e
	return e, nil
}

// takeTallies adds what the members of its tallies read.
func (e *expression) takeTallies(tallies map[TallyCode]*Tally) {
	for _, code := range e.tallies {
		t := tallies[code]
		for _, it := range t.reads {
			if !slices.Contains(e.items, it) {
				e.items = append(e.items, it)
			}
		}
		for i := range t.Members {
			if t.Members[i].when == nil {
				continue
			}
			for _, f := range t.Members[i].when.facts {
				if !slices.Contains(e.facts, f) {
					e.facts = append(e.facts, f)
				}
			}
		}
	}
}

func (e *expression) eval(variables cel.Activation) truth {
	out, _, err := e.program.Eval(variables)
	if err != nil {
		return unknowable
	}
	switch out {
	case types.True:
		return yes
	case types.False:
		return no
	}
	return unknowable
}

// halfWidth refuses what Chinese input methods leave in expressions, naming the character, before CEL gives an English
// token error. Inside quotes any text is allowed except a backslash, on whose meaning implementations differ.
func halfWidth(source string) error {
	var quote, last, beforeLast rune
	n := 0
	for _, r := range source {
		n++
		switch {
		case r == '\\' || r < ' ':
			return fmt.Errorf("表达式第 %d 个字符不允许（反斜杠或控制字符）", n)
		case quote != 0:
			if r == quote {
				quote = 0
			}
		case r == '"' || r == '\'':
			quote = r
		case r > '~':
			return fmt.Errorf("表达式第 %d 个字符“%c”不是半角字符，请改用半角数字和标点", n, r)
		case digit(r) && last == '.' && !digit(beforeLast):
			return fmt.Errorf("表达式第 %d 个字符：小数点前要有数字，例如 0.5", n-1)
		}
		beforeLast, last = last, r
	}
	return nil
}

func digit(r rune) bool { return r >= '0' && r <= '9' }

type valueKind string

const (
	num     valueKind = "数值"
	str     valueKind = "文字"
	boolean valueKind = "真假"
)

// checker infers the kind of every node and collects what is read.
type checker struct {
	scope
	items   []ItemCode
	facts   []FactCode
	tallies []TallyCode
	nodes   int
}

func (c *checker) kind(e ast.Expr, depth int) (valueKind, error) {
	if c.nodes++; c.nodes > maxNodes || depth > maxDepth {
		return "", fmt.Errorf("太复杂，请拆成几条规则")
	}
	switch e.Kind() {
	case ast.LiteralKind:
		switch e.AsLiteral().(type) {
		case types.Double:
			return num, nil
		case types.String:
			return str, nil
		case types.Bool:
			return boolean, nil
		case types.Int, types.Uint:
			return "", fmt.Errorf("整数 %v 要写成小数形式，例如 1.0", e.AsLiteral().Value())
		}
		return "", fmt.Errorf("不允许的常量")
	case ast.SelectKind:
		return c.answer(e)
	case ast.CallKind:
		return c.call(e.AsCall(), depth)
	case ast.IdentKind:
		return "", fmt.Errorf("不认识“%s”，只能使用 ans[\"项目\"]、facts[\"情况\"] 和 tally[\"计数\"]", clip(e.AsIdent()))
	}
	return "", fmt.Errorf("使用了不允许的写法")
}

// answer checks ans["item"].field.
func (c *checker) answer(e ast.Expr) (valueKind, error) {
	sel := e.AsSelect()
	if code, ok := indexed(sel.Operand(), "tally"); ok && !sel.IsTestOnly() {
		return c.tally(code, sel.FieldName())
	}
	code, ok := indexed(sel.Operand(), "ans")
	if !ok || sel.IsTestOnly() {
		return "", fmt.Errorf("答案要写成 ans[\"项目\"].字段")
	}
	it := c.scope.items[ItemCode(code)]
	if it == nil {
		return "", fmt.Errorf("项目“%s”不存在", clip(code))
	}
	want, kind := string(it.Kind), str
	switch it.Kind {
	case Conform:
		want = "result"
	case Number, Count:
		kind = num
	case Date:
		if sel.FieldName() == daysField {
			want, kind = daysField, num
		}
	}
	if sel.FieldName() != want {
		return "", fmt.Errorf("项目“%s”没有字段“%s”，应为“%s”", code, clip(sel.FieldName()), want)
	}
	if !slices.Contains(c.items, it.Code) {
		c.items = append(c.items, it.Code)
	}
	return kind, nil
}

// tally checks tally["code"].least, .most and .number.
func (c *checker) tally(code, field string) (valueKind, error) {
	t := c.scope.tallies[TallyCode(code)]
	if t == nil {
		return "", fmt.Errorf("计数“%s”不存在，或不能用在这里", clip(code))
	}
	if field != "least" && field != "most" && field != "number" {
		return "", fmt.Errorf("计数“%s”没有字段“%s”，应为 least、most 或 number", code, clip(field))
	}
	if !slices.Contains(c.tallies, t.Code) {
		c.tallies = append(c.tallies, t.Code)
	}
	return num, nil
}

// fact checks facts["code"].
func (c *checker) fact(code string) (valueKind, error) {
	f := c.scope.facts[FactCode(code)]
	if f == nil {
		return "", fmt.Errorf("企业情况“%s”不存在", clip(code))
	}
	if !slices.Contains(c.facts, f.Code) {
		c.facts = append(c.facts, f.Code)
	}
	switch f.Kind {
	case Number:
		return num, nil
	case Bool:
		return boolean, nil
	}
	return str, nil
}

// indexed recognises name["literal"].
func indexed(e ast.Expr, name string) (string, bool) {
	if e.Kind() != ast.CallKind {
		return "", false
	}
	call := e.AsCall()
	if call.FunctionName() != operators.Index || len(call.Args()) != 2 {
		return "", false
	}
	on, key := call.Args()[0], call.Args()[1]
	if on.Kind() != ast.IdentKind || on.AsIdent() != name || key.Kind() != ast.LiteralKind {
		return "", false
	}
	s, ok := key.AsLiteral().(types.String)
	return string(s), ok
}

func (c *checker) call(call ast.CallExpr, depth int) (valueKind, error) {
	name, args := call.FunctionName(), call.Args()
	switch name {
	case operators.Index:
		for _, a := range args[:1] {
			if a.Kind() == ast.IdentKind && a.AsIdent() == "facts" && args[1].Kind() == ast.LiteralKind {
				if s, ok := args[1].AsLiteral().(types.String); ok {
					return c.fact(string(s))
				}
			}
		}
		return "", fmt.Errorf("方括号只能写成 ans[\"项目\"].字段 或 facts[\"情况\"]")
	case operators.LogicalAnd, operators.LogicalOr, operators.LogicalNot:
		return boolean, c.all(args, boolean, depth)
	case operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals:
		return boolean, c.compare(args, true, depth)
	case operators.Equals, operators.NotEquals:
		return boolean, c.compare(args, false, depth)
	case operators.Divide:
		// 0/0 is neither above nor below a limit, so the rule would be silent: unknown would judge safe.
		if v, ok := args[1].AsLiteral().(types.Double); !ok || v == 0 {
			return "", fmt.Errorf("只能除以不为零的常数；两项之比请写成乘法，例如 甲 > 乙 * 0.9")
		}
		return num, c.all(args, num, depth)
	case operators.Add, operators.Subtract, operators.Multiply, operators.Negate:
		return num, c.all(args, num, depth)
	case operators.In:
		return boolean, c.member(args, depth)
	case "contains", "startsWith", "endsWith":
		if !call.IsMemberFunction() || len(args) != 1 {
			return "", fmt.Errorf("%s 的写法不对", name)
		}
		return boolean, c.all([]ast.Expr{call.Target(), args[0]}, str, depth)
	}
	return "", fmt.Errorf("不允许使用“%s”", clip(name))
}

func (c *checker) all(args []ast.Expr, want valueKind, depth int) error {
	for _, a := range args {
		got, err := c.kind(a, depth+1)
		if err != nil {
			return err
		}
		if got != want {
			return fmt.Errorf("此处应为%s，却是%s", want, got)
		}
	}
	return nil
}

func (c *checker) compare(args []ast.Expr, ordered bool, depth int) error {
	left, err := c.kind(args[0], depth+1)
	if err != nil {
		return err
	}
	if err := c.all(args[1:], left, depth); err != nil {
		return err
	}
	if ordered && left != num && !(c.day(args[0]) && c.day(args[1])) {
		return fmt.Errorf("只有数值和日期能比较大小")
	}
	if err := c.allowed(args[0], args[1], ordered); err != nil {
		return err
	}
	return c.allowed(args[1], args[0], ordered)
}

// day tells what can only be a date: the answer of a Date item, or a constant day.
func (c *checker) day(e ast.Expr) bool {
	if e.Kind() == ast.LiteralKind {
		s, ok := e.AsLiteral().(types.String)
		_, err := ParseDay(string(s))
		return ok && err == nil
	}
	if e.Kind() != ast.SelectKind {
		return false
	}
	code, _ := indexed(e.AsSelect().Operand(), "ans")
	it := c.scope.items[ItemCode(code)]
	return it != nil && it.Kind == Date
}

// member checks value in ["a", "b"]. A truth value is refused on the left: how tightly "in" binds beside == differs
// between implementations.
func (c *checker) member(args []ast.Expr, depth int) error {
	left, err := c.kind(args[0], depth+1)
	if err != nil {
		return err
	}
	if left == boolean {
		return fmt.Errorf("in 的左边应为文字或数值")
	}
	if args[1].Kind() != ast.ListKind || args[1].AsList().Size() == 0 {
		return fmt.Errorf("in 的右边应为列表，例如 [\"甲\", \"乙\"]")
	}
	for _, e := range args[1].AsList().Elements() {
		if err := c.all([]ast.Expr{e}, left, depth); err != nil {
			return err
		}
		if err := c.allowed(args[0], e, false); err != nil {
			return err
		}
	}
	return nil
}

// allowed checks a constant against the choices of what it is compared with: a misspelt choice would never be true and
// so would silently judge safe.
func (c *checker) allowed(on, constant ast.Expr, ordered bool) error {
	if constant.Kind() != ast.LiteralKind {
		return nil
	}
	text, ok := constant.AsLiteral().(types.String)
	if !ok {
		return nil
	}
	var name string
	var choices []string
	if on.Kind() == ast.SelectKind {
		code, _ := indexed(on.AsSelect().Operand(), "ans")
		it := c.scope.items[ItemCode(code)]
		switch name = code; {
		case it == nil:
			return nil
		case it.Kind == Date:
			_, err := ParseDay(string(text))
			return err
		case it.Kind == Conform:
			choices = []string{string(ResultConform), string(ResultNonconform), string(ResultNA)}
		default:
			choices = it.Choices
		}
	} else if code, ok := indexed(on, "facts"); ok {
		name, choices = code, c.scope.facts[FactCode(code)].Choices
	}
	if len(choices) == 0 {
		return nil
	}
	if ordered || !slices.Contains(choices, string(text)) {
		return fmt.Errorf("“%s”没有选项“%s”", name, clip(string(text)))
	}
	return nil
}
