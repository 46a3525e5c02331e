fn main() {
    let source = s3ferry::syntax::Source::new("s3ferry.yaml", s3ferry::config::EXAMPLE);
    let document = s3ferry::config::Document::read(source).expect("ok");
    let plan = s3ferry::plan::Plan::new(&document.config).expect("ok");
    for s in s3ferry::stacks::stacks(&plan) {
        println!("{}", s.template.to_yaml());
    }
}
