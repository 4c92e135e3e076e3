package queries_test
import ("testing";"time";"fmt")
func TestZZTime(t *testing.T){
 d:=open(t, backPain(5000))
 for _,by:=range []string{"none","region","sex"} {
 s:=time.Now()
 d.ask(t,"compare",true,"instrument","odi","interventions","core_therapy,surgery","by",by)
 fmt.Println("compare",by,time.Since(s))
 }
 for _,by:=range []string{"provider","none","sex","region"} {
 s:=time.Now()
 d.ask(t,"outcomes",false,"by",by)
 fmt.Println("outcomes",by,time.Since(s))
 }
}
